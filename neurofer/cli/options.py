"""The options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Network = Annotated[
    str, typer.Argument(help="Recipe, checkpoint (.safetensors), .nir file or bundle.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Reset = Annotated[
    Literal["hard", "soft"] | None, typer.Option(help="Reset of a recipe's neurons.", show_default="the recipe's")
]
InputSize = Annotated[
    int | None, typer.Option(min=1, help="Height and width of a recipe's input.", show_default="the recipe's")
]
Width = Annotated[
    int | None, typer.Option(min=1, help="Channels of a recipe's first layer.", show_default="the recipe's")
]
Steps = Annotated[int | None, typer.Option(min=1, help="Time steps T.", show_default="the network's")]
Dt = Annotated[float | None, typer.Option(help="Length of a step in seconds.", show_default="the network's, else 1e-4")]
Scheme = Annotated[
    Literal["euler", "exponential"] | None,
    typer.Option(help="Discretisation of a .nir file of others.", show_default="euler"),
]
Samples = Annotated[int, typer.Option(min=1, help="Samples to record or draw.")]
Exact = Annotated[bool, typer.Option("--exact", help="Prove float32 exact, on a dyadic grid.")]
Bits = Annotated[int | None, typer.Option(help="--exact with weights of 8 or 16 bits.", show_default="finest")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of drawn input and weights.")]
Out = Annotated[Path | None, typer.Option(help="Bundle to write, else NETWORK-TARGET.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace an older one.")]
