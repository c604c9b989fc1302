"""Learn an edit direction from words, with the embedded CLIP model or any other, and write it as a direction folder.

    python -m data.make.text_direction "a friendly smile" --out my-directions [--clip NAME --clip-path FOLDER]

Example: DirectionSet.load(Path("my-directions")) then goes wherever the shipped directions go (`stylegan.photo.session`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from adcreative.encoders.creative_clip import EMBEDDED, CreativeClip
from adcreative.encoders.faces import load_face_analyzer
from adcreative.encoders.weights import embedded_dir
from data.make.directions_from_text import NEUTRAL, TextDirectionConfig, learn_text_direction
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.networks.checkpoints import load_face_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", help="what +1 should look more like")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--neutral", default=NEUTRAL, help="what the prompt is compared with")
    parser.add_argument("--clip", default=EMBEDDED, help='"embedded", or a CLIP model of open_clip by name')
    parser.add_argument("--clip-path", type=Path, help="folder or checkpoint of that model")
    parser.add_argument("--num-samples", type=int, default=600)
    arguments = parser.parse_args()
    config = TextDirectionConfig(prompt=arguments.prompt, neutral=arguments.neutral, num_samples=arguments.num_samples)
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    clip = CreativeClip.load(arguments.clip, arguments.clip_path)
    known = DirectionSet.load(embedded_dir("directions"))
    with tqdm(unit="face") as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = learn_text_direction(config, codec, clip, load_face_analyzer(), known=known, progress=report)
    found.save(arguments.out)
    print(json.dumps(found.table, indent=1))


if __name__ == "__main__":
    main()
