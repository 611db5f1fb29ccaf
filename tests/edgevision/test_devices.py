from edgevision.devices import load_devices

BOARDS = {
    "raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w",
    "jetson-nano", "jetson-orin-nano", "jetson-agx-orin", "x86",
}  # fmt: skip


def test_every_board_of_the_project_is_there_and_whole():
    devices = load_devices()

    assert set(devices) == BOARDS
    assert all(device.systems and device.budget.source for device in devices.values())


def test_every_pin_names_the_library_of_its_engine():
    library = {
        "litert": "ai-edge-litert==",
        "tflite": "tflite-runtime==",
        "onnx": "onnxruntime==",
        "onnx-cuda": "onnxruntime-gpu",
        "onnx-tensorrt": "onnxruntime-gpu",
    }

    for device in load_devices().values():
        for system in device.systems:
            for pin in system.engines:
                assert pin.install[0].startswith(library[pin.name])


def test_what_nobody_measured_is_preferred_to_nothing_that_ran():
    for device in load_devices().values():
        for system in device.systems:
            evidence = [pin.evidence for pin in system.engines]
            assert evidence == sorted(evidence, key=["run", "wheel", "unmeasured"].index)


def test_tflite_runtime_never_comes_with_numpy_2():
    pins = [pin for device in load_devices().values() for system in device.systems for pin in system.engines]

    # 32-bit systems take numpy 1.24 from apt
    assert all("numpy<2" in pin.install or len(pin.install) == 1 for pin in pins if pin.name == "tflite")
