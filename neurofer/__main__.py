"""``python -m neurofer``: the command line."""

from neurofer.cli import main

if __name__ == "__main__":
    main()
