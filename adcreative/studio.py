"""One creative at a time, with the models kept loaded: what the app and notebooks use; and the app's door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.creative import Creative, Prediction
from adcreative.errors import ConfigError, CreativeError
from adcreative.provenance.consent import read_consents

if TYPE_CHECKING:
    from adcreative.editor.editor import EditOutcome


class Studio:
    """Score and improve one creative at a time.

        studio = Studio()
        studio.score_one(Creative(image_path=Path("ad.jpg"), headline="Sleep better tonight")).ctr

    Args:
        model_dir: a folder written by `pipeline.train`; the shipped model when None.
        consent: consent records (TOML or JSON); without them only faces marked "synthetic-person" are edited.
    """

    def __init__(self, model_dir: Path | None = None, *, consent: Path | None = None) -> None:
        from adcreative.tools import load_model, load_tools

        self._consents = read_consents(consent)
        self._tools = load_tools()
        self._consents.check_directions(self._tools.directions.names)
        self._predictor, self._judge = load_model(model_dir)

    @property
    def direction_names(self) -> tuple[str, ...]:
        """Names of the face edits that may be allowed or forbidden."""
        return self._tools.directions.names

    @property
    def cards(self) -> list[dict[str, Any]]:
        """Model cards of the predictor and the judge."""
        return [self._predictor.card("predictor"), self._judge.card("judge")]

    @property
    def model_hashes(self) -> dict[str, str]:
        """Name to hash of every model that takes part in an edit, for the sidecar of a picture."""
        models = {"predictor": self._predictor.content_hash, "judge": self._judge.content_hash}
        return models | dict(self._tools.extractor.hashes)

    def score_one(self, creative: Creative) -> Prediction:
        """Predict one creative.

        Raises:
            CreativeError: its picture cannot be read.
        """
        (features,) = self._tools.extractor.extract([creative])
        if isinstance(features, CreativeError):
            raise features
        return self._predictor.predict([creative], [features])[0]

    def improve_one(
        self,
        creative: Creative,
        *,
        seed: int = 0,
        population_size: int | None = None,
        generations: int | None = None,
        copywriter: str = "smollm2",
        directions: Sequence[str] | None = None,
        progress: Callable[[int, int, float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> EditOutcome:
        """Search an edit of one creative, of its faces only with consent.

        progress(generation, generations, best lower bound of uplift in log-odds).
        """
        from adcreative.editor.editor import EditorConfig, edit_creative
        from adcreative.tools import load_tools

        sizes = {"population_size": population_size, "generations": generations}
        config = EditorConfig(seed=seed, **{name: size for name, size in sizes.items() if size is not None})  # type: ignore[arg-type]
        editor_tools = load_tools(copywriter).editor_tools(self._predictor, self._judge, directions, self._consents)
        return edit_creative(creative, tools=editor_tools, config=config, progress=progress, should_stop=should_stop)


def launch_app(studio: Studio, *, host: str = "127.0.0.1", port: int = 7860, auth: str | None = None) -> None:
    """Serve the web app until interrupted.

    Raises:
        ConfigError: gradio is not installed, or `auth` is not user:password.
    """
    if find_spec("gradio") is None:
        raise ConfigError('the app needs gradio; install it with: pip install "adcreative[app]"')
    if auth is not None and not all(auth.partition(":")):
        raise ConfigError("--auth must be user:password, both not empty")
    name = "adcreative._studio" if find_spec("adcreative._studio") else "apps.studio"
    credentials = tuple(auth.split(":", 1)) if auth else None
    import_module(f"{name}.launch").launch(studio, host=host, port=port, auth=credentials)
