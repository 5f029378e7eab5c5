"""The command line of the scripts that make a peer's models: make_gguf.py and make_openvino.py."""
import argparse
import pathlib


def convert_all(description, weights, preset, convert):
    """convert(folder, one of `weights`) for each folder and each of --weights, which are `preset` where nothing is said."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--weights", type=lambda text: text.split(","), default=preset, help="of " + ", ".join(weights))
    options = parser.parse_args()
    unknown = [name for name in options.weights if name not in weights]
    if unknown:
        parser.error(f"no weights {unknown[0]}; there are {', '.join(weights)}")
    for folder in options.models:
        for name in options.weights:
            convert(folder, name)
