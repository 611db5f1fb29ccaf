"""The report of the demo: the whole path on one page, from photographs to a live stream, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgevision.reports.compression_report import CompressionStory, compression_sections
from edgevision.reports.html import Gallery, KeyFigure, Page, Picture, Section, Step, write_html
from edgevision.reports.training_report import MaskedImage, TrainingStory, mask_gallery, training_sections
from edgevision.reports.verify_report import VerifyStory, verify_sections


@dataclass(frozen=True, eq=False)
class DemoStory:
    """What the report of the demo tells."""

    data: str  # such as "traffic-lights: 904 photographs, CC BY 4.0"
    steps: Sequence[Step]  # learn, prune …: one box each, with what came out and how long it took
    training: TrainingStory
    verify: VerifyStory
    key_figures: Sequence[KeyFigure]
    commands: str  # the same with one's own images
    conclusion: str = ""
    examples: Sequence[Picture] = ()  # what the data looks like
    compressions: Sequence[CompressionStory] = ()  # pruning, quantization-aware training
    live_text: str = ""  # what ran, how many frames per second
    live_frames: Sequence[Picture] = ()  # annotated frames of the stream
    live_masks: Sequence[MaskedImage] = ()  # segmentation: truth and the packed model, image by image
    live_labels: Sequence[str] = ()


def write_demo_report(path: Path, story: DemoStory) -> None:
    """Write the page of the demo."""
    examples = Gallery(story.examples[:8], f"The data: {story.data}.", columns=8) if story.examples else None
    opening = Section("The path", story.conclusion, story.key_figures, story.steps, gallery=examples)
    sections = [opening, *training_sections(story.training)]
    for compression in story.compressions:
        sections += compression_sections(compression, compression.method)
    sections += verify_sections(story.verify, "Every variant against float")
    if story.live_frames or story.live_text:
        frames = Gallery(story.live_frames[:8], "Frames of the stream with the answer of the packed model.")
        gallery = frames if story.live_frames else None
        sections.append(Section("Live stream on the runtime", story.live_text, gallery=gallery))
    if story.live_masks:
        caption = "Test images: as the model sees them, with the true mask, with the packed model's mask."
        shown = mask_gallery(story.live_masks, story.live_labels, caption)
        sections.append(Section("Masks of the packed model", gallery=shown))
    sections.append(Section("The same with your own images", commands=story.commands))
    write_html(path, Page("edgevision demo", f"From photographs to a small camera: {story.data}", sections))
