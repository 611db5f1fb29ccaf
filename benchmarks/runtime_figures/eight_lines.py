import sys  # noqa: D100 - the script that edgevision is compared with, as short as people write it

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1], num_threads=1); interpreter.allocate_tensors()  # fmt: skip  # noqa: E702
given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
image = cv2.cvtColor(cv2.resize(cv2.imread(sys.argv[2]), (224, 224)), cv2.COLOR_BGR2RGB)
interpreter.set_tensor(given["index"], (image ^ 0x80).view(np.int8)[None]); interpreter.invoke()  # fmt: skip  # noqa: E702
print(int(interpreter.get_tensor(got["index"])[0].argmax()), flush=True)
sys.stdin.read()
