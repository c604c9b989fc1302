"""Load the encoders, the face model and the predictors once per process, and pass them to the verbs.

The only module that chooses the device and the number of threads; all other code follows its inputs.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from adcreative.artifacts import read_kind
from adcreative.copywriter import Copywriter, build_copywriter
from adcreative.ctr.card import ACCOUNT_KIND
from adcreative.ctr.click_model import ClickModel
from adcreative.ctr.predictor import Predictor
from adcreative.editor.models import EditorTools
from adcreative.encoders.creative_clip import CreativeClip
from adcreative.encoders.faces import LatestFaces, load_face_analyzer
from adcreative.encoders.headline import HeadlineModel
from adcreative.encoders.inpainting import InpaintingModel
from adcreative.encoders.packing import sharing_states
from adcreative.encoders.text_encoder import TextEncoder
from adcreative.encoders.weights import embedded_dir
from adcreative.features.cache import FeatureCache, cache_dir
from adcreative.features.extraction import FeatureExtractor
from adcreative.features.word_readings import find_reader
from adcreative.lettering import FillHoles, LineFinder, PreparedCache, fill_with_painter, has_reader, load_lama
from adcreative.provenance.consent import ConsentBook
from adcreative.verbs.directions import choose_directions
from adcreative.verbs.model_folder import find_models, read_model_manifests
from stylegan.latents.codec import FaceCodec
from stylegan.latents.directions.labelled import DirectionSet
from stylegan.latents.people import FittedPeople, directions_of_latents
from stylegan.networks.checkpoints import load_face_model
from stylegan.networks.encoder import FaceEncoder

if TYPE_CHECKING:
    from adcreative.market import Market

DEMO_STEPS = 0.5  # share of a direction's safe range, for the people of the demo


@dataclass(frozen=True)
class Tools:
    """All loaded encoders and tools that the verbs share."""

    clip: CreativeClip
    headline_model: HeadlineModel
    analyzer: LatestFaces
    codec: FaceCodec
    directions: DirectionSet
    extractor: FeatureExtractor
    copywriter: Copywriter

    def keeping_in(self, folder: Path) -> Tools:
        """Return the same encoders and tools with a feature cache of their own in a folder."""
        analyzer = self.analyzer.apart()
        return replace(self, analyzer=analyzer, extractor=self.extractor.for_cache(FeatureCache(folder), analyzer))

    def extractor_for(self, models: Iterable[ClickModel]) -> FeatureExtractor:
        """Return the extractor for the inputs of these models.

        Only account models read complexity, and lettering, which needs an OCR model."""
        return self.extractor.for_models(models)

    def editor_tools(
        self,
        judges: Judges,
        names: Sequence[str] | None,
        consents: ConsentBook | None = None,
        scene_model: str = "",
        inpaint_model: str = "",
        prepared: PreparedCache | None = None,
    ) -> EditorTools:
        """Return the tools of the editor with the allowed directions; without `consents` only synthetic persons are edited.

        Raises:
            ConfigError: a name, here or in a consent record, is not a shipped direction, or the scene model cannot be loaded.
        """
        chosen = choose_directions(self.directions.names, names)
        consents = consents or ConsentBook()
        consents.check_directions(self.directions.names)
        directions = self.directions.select(chosen)
        return EditorTools(
            extractor=self.extractor_for(judges),
            **judges._asdict(),
            analyzer=self.analyzer,
            codec=self.codec,
            directions=directions,
            copywriter=self.copywriter,
            consents=consents,
            scene_painter=_load_painter(scene_model) if scene_model else None,
            inpainter=_load_inpainter(inpaint_model) if inpaint_model else None,
            text_reader=find_reader(lambda: self.extractor.cache),
            prepared=prepared,
        )


_loading = RLock()  # one thread loads, other threads wait for the result


@contextmanager
def _no_collection() -> Iterator[None]:
    """Disable garbage collection while models are built: thousands of objects are created, and all of them stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache(maxsize=1)
@_no_collection()
def _encoders() -> tuple[CreativeClip, HeadlineModel, LatestFaces, FaceCodec, DirectionSet, FeatureExtractor]:
    headline_model, analyzer = HeadlineModel.load(), load_face_analyzer()
    clip = CreativeClip.load(minilm=headline_model.minilm)
    codec = FaceCodec(load_face_model(embedded_dir("faces")))
    directions = DirectionSet.load(embedded_dir("directions"))
    extractor = FeatureExtractor(
        clip,
        headline_model,
        analyzer,
        codec,
        FeatureCache(cache_dir() / "features"),
        sharing=sharing_states,
        line_finder=LineFinder() if has_reader() else None,
        measures_complexity=True,
    )
    return clip, headline_model, analyzer, codec, directions, extractor


@lru_cache(maxsize=2)
def _load_painter(scene_model: str) -> InpaintingModel:
    return InpaintingModel.load(scene_model)


def _load_inpainter(name: str) -> FillHoles:
    """Return the inpainting function: a LaMa export by file, else a pipeline, which is shared with scenes of the same name."""
    return load_lama(Path(name)) if name.endswith(".onnx") else fill_with_painter(_load_painter(name))


def load_tools(copywriter: str = "template", features: Path | None = None) -> Tools:
    """Load all encoders once per process; the language model itself loads at its first line.

    features: folder of the feature cache; None: the user's cache.
    """
    with _loading:
        tools = _load_tools(copywriter)
    return tools if features is None else tools.keeping_in(features)


@lru_cache(maxsize=4)
def _load_tools(copywriter: str) -> Tools:
    return Tools(*_encoders(), build_copywriter(copywriter))


class Judges(NamedTuple):
    """The three models of a run: predictor and judge guide the search and choose, the auditor reports on the chosen edits."""

    predictor: ClickModel
    judge: ClickModel
    auditor: ClickModel

    @property
    def hashes(self) -> dict[str, str]:
        """Role -> content hash of the model."""
        return {name: model.content_hash for name, model in self._asdict().items()}


def load_words(text_encoder: str = "") -> Callable[[Sequence[str]], np.ndarray]:
    """Return a function that encodes N texts as unit vectors [N, D] (zeros for blank ones) by the named or the shipped encoder.

    Raises:
        ConfigError: the encoder cannot be loaded.
    """
    if not text_encoder:
        return load_tools().clip.encode_texts
    found = TextEncoder.load(text_encoder)
    return lambda texts: np.nan_to_num(found.encode(texts))


def load_click_model(folder: Path) -> ClickModel:
    """Load the model of one folder: an account model or a general predictor, as the manifest says.

    Raises:
        ArtifactError: the folder holds neither, or the model is damaged.
    """
    if read_kind(folder) != ACCOUNT_KIND:
        return Predictor.load(folder)
    from adcreative.ctr.account.model import AccountModel  # imports scikit-learn

    return AccountModel.load(folder)


def load_model(model_dir: Path | None = None) -> Judges:
    """Load predictor, judge and auditor from a folder written by `train`, or the shipped models; the latest four are cached.

    Raises:
        ArtifactError: the folder does not hold all three, each in its own role, or the models were fitted with other encoders
            than the loaded ones.
    """
    with _loading:
        return _load_model(model_dir)


@lru_cache(maxsize=4)
def _load_model(model_dir: Path | None) -> Judges:
    return Judges(**{role: _load_role(model_dir, role) for role in Judges._fields})


def load_predictor(model_dir: Path | None = None) -> ClickModel:
    """Load the predictor of such a folder alone, for verbs that need no second model.

    Raises:
        ArtifactError: as `load_model`; of the other models only the manifests are checked.
    """
    with _loading:
        return _load_role(model_dir, "predictor")


def load_scorer(model_dir: Path | None = None, features: Path | None = None) -> tuple[FeatureExtractor, ClickModel]:
    """Load the predictor alone, with the extractor for its inputs; features are cached as in `load_tools`.

    Raises:
        ArtifactError: as `load_model`.
    """
    predictor = load_predictor(model_dir)
    return load_tools(features=features).extractor.measuring(predictor.rate_parts), predictor


@lru_cache(maxsize=12)
def _load_role(model_dir: Path | None, role: str) -> ClickModel:
    read_model_manifests(model_dir)
    with _no_collection():
        model = load_click_model(find_models(model_dir)[role])
    model.check_encoders(load_tools().extractor.hashes)
    return model


def load_market(seed: int) -> Market:
    """Return the simulated market with this seed, rendered with the shipped face model."""
    from adcreative.market import Market

    with _loading:
        _, headline_model, analyzer, codec, directions, _ = _encoders()
    return Market(seed, codec=codec, analyzer=analyzer, headline_model=headline_model, directions=directions)


def load_demo_market(seed: int) -> Market:
    """Return the simulated market with this seed as the demo shows it: with the sharply rendered people of `weights/cast`.

    Planted effects are those of `load_market`; only the faces differ. Face expressions vary half as far: weights that
    were fitted closely to a few faces render them badly far from the fit.
    """
    from adcreative.market import Market

    with _loading:
        _, headline_model, analyzer, codec, directions, _ = _encoders()
    people = FittedPeople.load(embedded_dir("cast"))
    steps = DEMO_STEPS * directions.low, DEMO_STEPS * directions.high
    encoder, num_rows = cast(FaceEncoder, codec.face_model.encoder), people.face_model.generator.config.num_rows
    return Market(
        seed,
        codec=people,
        analyzer=analyzer,
        headline_model=headline_model,
        face_codes=people.codes,
        mixed_share=0.0,
        directions=directions_of_latents(replace(directions, low=steps[0], high=steps[1]), encoder, num_rows),
    )
