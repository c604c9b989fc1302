"""One creative at a time, with loaded models: the API of the app and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adcreative.catalog.images import picture
from adcreative.copywriter.brand_kit import read_brand_kit
from adcreative.copywriter.fresh_lines import Wording
from adcreative.creative import Creative, Prediction
from adcreative.editor.settings import EditorConfig, Level, SessionSettings, fill_config
from adcreative.errors import ConfigError, CreativeError
from adcreative.features.picture_fields import fill_from_pictures, name_brand_of
from adcreative.features.word_readings import find_reader
from adcreative.options import takes
from adcreative.progress import Count, Progress, Rounds, ShouldStop, never, silent, uncounted
from adcreative.provenance.consent import ConsentBook, ConsentRecord, read_consents
from adcreative.provenance.signing import SigningConfig
from adcreative.runs.batch import RunSummary
from adcreative.verbs.directions import choose_directions, read_direction_names
from adcreative.verbs.finish import composing
from adcreative.verbs.folder_scores import FolderScores, score_folder
from adcreative.verbs.loaded import FoundFace, Loaded, draw_first_look
from adcreative.verbs.model_folder import read_model_manifests
from adcreative.verbs.score_table import check_base_rate
from adcreative.verbs.settings import ComposeSettings, ConceptsSettings, ImproveSettings, ScoreSettings, WriteSettings
from adcreative.verbs.standing import Standing, find_standing

# slow imports, done before the first search and the first explanation
LATE_MODULES = (
    "adcreative.editor.session",
    "scipy.stats.qmc",
    "adcreative.verbs.explain",
    "captum.attr",
    "adcreative.explain.word_gradients",
    "adcreative.explain.attribution",
)

CHANGES = ("words", "text", "look")  # words beside the picture, words in the picture, and the picture's light, colour and crop

if TYPE_CHECKING:
    from adcreative.compose.brief import Brief
    from adcreative.editor.session import EditOutcome, Session
    from adcreative.verbs.compose import Show
    from adcreative.verbs.explain import ExplanationSummary
    from adcreative.verbs.loading import Tools


class Studio:
    """Score and improve one creative at a time. Models load at first use, or by `load`; creating a studio is instant.

        studio = Studio()
        studio.score_one(Creative(image_path=Path("ad.jpg"), headline="Sleep better tonight")).ctr

    Args:
        model_dir: a folder written by `pipeline.train`; the shipped model when None.
        consent: consent records (TOML or JSON); without them only faces marked "synthetic-person" are edited.
        signing: the key that signs exported pictures (C2PA); without it pictures are not signed.
        config: settings of every edit, an EditorConfig or a TOML file with its fields as keys; the defaults when None.
    Raises:
        ConfigError: `config` has a wrong key or value. ArtifactError: `model_dir` is not a folder of three models.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        *,
        consent: Path | None = None,
        signing: SigningConfig | None = None,
        config: EditorConfig | Path | None = None,
    ) -> None:
        self.config = fill_config(config)
        self.signing, self._model_dir = signing, model_dir
        self._loaded = Loaded(model_dir)
        self._manifests = read_model_manifests(model_dir)
        self._consents = read_consents(consent)
        self._consents.check_directions(read_direction_names())

    def _tools_with(self, copywriter: str, llm_key: str) -> Tools:
        """Return the tools with another copywriter; a copywriter with its own key is built anew and not cached."""
        from adcreative.copywriter import build_copywriter
        from adcreative.verbs.loading import load_tools

        writer = build_copywriter(copywriter, key=llm_key) if llm_key else load_tools(copywriter).copywriter
        return self._loaded.tools_with(writer)

    def load(self) -> None:
        """Load every model now and use each once, for example behind an open page; other threads may use the studio meanwhile.

        No gradients are computed: they would attach to the networks that another thread scores with.

        Raises:
            ArtifactError: a model is damaged.
        """
        _ = self._loaded.judges
        first = Creative(headline="a first look", image_u8=draw_first_look())
        self.stand_one(first)
        self.find_faces(first)
        for name in LATE_MODULES:
            import_module(name)

    def train_account(
        self,
        results: Path,
        out: Path,
        *,
        images: Path | None = None,
        columns: Path | None = None,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> RunSummary:
        """Learn from an account's results into the folder `out`, as the command `train` does; return its summary.

        The training runs in a new process: a calling script needs `if __name__ == "__main__":`.

        Raises:
            CatalogError: nothing usable in `results`. TrainingError: too few ads or clicks. EngineError: the process died.
        """
        from adcreative.runs.aside import run_aside
        from adcreative.verbs.train import train

        return run_aside(
            train,
            results,
            out,
            images=images,
            columns=columns,
            features=self._loaded.features_dir,
            progress=progress,
            should_stop=should_stop,
        )

    def with_model(self, model_dir: Path) -> Studio:
        """Return a copy of this studio with the models of a folder written by `train`.

        Raises:
            ArtifactError: the folder does not hold the files that `train` writes.
        """
        other = copy(self)
        other._model_dir, other._manifests = model_dir, read_model_manifests(model_dir)
        other._loaded = self._loaded.with_model(model_dir)  # refuses a damaged model
        return other

    def with_consents(self, consent: Path) -> Studio:
        """Return a copy of this studio with additional consent records of a file; a record of the same name is replaced.

        Raises:
            ProvenanceError: the file cannot be read, or a record is wrong. ConfigError: a record allows an unknown edit.
        """
        book = read_consents(consent)
        book.check_directions(read_direction_names())
        other = copy(self)
        other._consents = ConsentBook(records={**self._consents.records, **book.records}, source=str(consent))
        return other

    @property
    def consent_ids(self) -> tuple[str, ...]:
        """Names of the known consent records."""
        return tuple(self._consents.records)

    @property
    def consents(self) -> tuple[ConsentRecord, ...]:
        """The known consent records."""
        return tuple(self._consents.records.values())

    def check_consent(self, creative: Creative) -> str:
        """Return why the creative's consent record does not permit editing its faces today; "" when editing is permitted."""
        return self._consents.permit(creative, date.today()).refusal

    def keep_features_in(self, folder: Path) -> None:
        """Use a folder of the caller as feature cache from now on, instead of the user's cache."""
        self._loaded.keep_features_in(folder)

    def with_features_in(self, folder: Path) -> Studio:
        """Return a copy of this studio for another user, with the same models and its own feature cache in a folder.

        `forget_features` of either studio removes no features of the other."""
        other = copy(self)
        other._loaded = self._loaded.with_features_in(folder)
        return other

    def forget_features(self, *, for_good: bool = False) -> None:
        """Remove cached features: the folder of `keep_features_in` or `with_features_in`, else the user's cache, which commands
        share. for_good: this studio stores none from now on, not even of what it works on now."""
        self._loaded.forget_features(for_good=for_good)

    @property
    def direction_names(self) -> tuple[str, ...]:
        """Names of the offered face edits: edits still visible after a face is pasted back."""
        return choose_directions(read_direction_names(), None)

    @property
    def cards(self) -> list[dict[str, Any]]:
        """Model cards of the three models that judge an edit."""
        return [manifest.card(name) for name, manifest in self._manifests.items()]

    @property
    def model_hashes(self) -> dict[str, str]:
        """Name -> hash of every model used in an edit, for the sidecar of a picture."""
        return self._loaded.judges.hashes | dict(self._loaded.tools.extractor.hashes)

    @property
    def weights(self) -> list[dict[str, Any]]:
        """Name, purpose, licence and sha256 of every weight that is present, and so used."""
        from adcreative.encoders.weights import weight_table

        return [row for row in weight_table() if row["present"]]

    def score_one(self, creative: Creative, *, read_pictures: bool = True) -> Prediction:
        """Predict one creative. Empty fields are first read in the picture, as in commands, unless `read_pictures` is False.

        Raises:
            CreativeError: its picture cannot be read.
        """
        creative, features = self._extract(creative, read_pictures)
        return self._loaded.predictor.predict([creative], [features])[0]

    def _extract(self, creative: Creative, read_pictures: bool) -> tuple[Creative, Any]:
        """Return a creative, with empty fields read in its picture if requested, and its features."""
        parts = self._loaded.predictor.rate_parts
        creative = self.read_words(creative) if read_pictures and "words" in parts else creative
        (features,) = self._loaded.tools.extractor.measuring(parts).extract([creative])
        if isinstance(features, CreativeError):
            raise features
        return creative, features

    @property
    def knows_level(self) -> bool:
        """True when the model was trained on an account's results, so that its rates are rates of the account."""
        return self._model_dir is not None

    def stand_one(self, creative: Creative, *, usual_rate: float | None = None, read_pictures: bool = True) -> Standing:
        """Compare the predicted rate of one creative with an ad of which nothing is known.

        Args:
            usual_rate: the account's mean click rate (0.021: 2.1 %), taken as the rate of the unknown ad. read_pictures:
                as for `score_one`.
        Raises:
            CreativeError: its picture cannot be read. ConfigError: `usual_rate` is no rate.
        """
        creative, features = self._extract(creative, read_pictures)
        predictor = self._loaded.predictor
        return find_standing(predictor, creative, features, knows_level=self.knows_level, usual_rate=usual_rate)

    def score_folder(
        self,
        folder: Path,
        out: Path,
        *,
        dates: str = "",
        columns: Path | None = None,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> FolderScores | None:
        """Score every creative of a folder into the CSV `out`, as the command `score` does; None when stopped.

        Raises:
            CatalogError: nothing in the folder can be scored.
        """
        reader = find_reader(lambda: self._loaded.tools.extractor.cache)
        settings = ScoreSettings(model=self._model_dir, features=self._loaded.features_dir, dates=dates, columns=columns)
        return score_folder(folder, out, settings, reader=reader, progress=progress, should_stop=should_stop)

    def explain_one(self, creative: Creative, out: Path, *, progress: Progress, should_stop: ShouldStop) -> ExplanationSummary:
        """Explain the rate of a creative into the folder `out`, as the command `explain` does; return its summary.

        Raises:
            CreativeError: its picture cannot be read.
        """
        from adcreative.verbs.explain import explain

        return explain(
            creative,
            out,
            model=self._model_dir,
            restart=True,
            features=self._loaded.features_dir,
            progress=progress,
            should_stop=should_stop,
        )

    @takes(WriteSettings)
    def write_lines(
        self, creative: Creative, kind: str, settings: WriteSettings, *, should_stop: ShouldStop | None = None
    ) -> Iterator[str]:
        """Yield new lines of `kind` ("headline" or "description") that pass the rules and the brand kit.

        Args:
            settings: how the lines are written; fields may be given as keywords.
        Raises:
            ConfigError: `brand_kit` is no brand manifest.
        """
        from adcreative.copywriter.fresh_lines import write_lines
        from adcreative.features.line_features import read_effects

        writer = self._tools_with(settings.copywriter, settings.llm_key).copywriter
        effects = read_effects(self._loaded.judges.predictor.notes.get("word_effects", ()))
        return write_lines(
            creative,
            writer,
            kind,
            wording=_read_wording(settings),
            evidence=effects,
            seed=settings.seed or 0,
            should_stop=should_stop,
        )

    def _level(self, usual_rate: float | None) -> Level:
        return Level(is_known=self.knows_level, usual_rate=usual_rate)

    def size_one(
        self, creative: Creative, outcome: EditOutcome, ratios: Sequence[str], out: Path, *, stem: str, tell: Count = uncounted
    ) -> list[dict[str, Any]]:
        """Lay the picture of an edit out in further shapes, such as "9:16", into `out`/images; see `sizes.write_sizes`.

        Raises:
            ConfigError: a shape is not known.
        """
        from adcreative.delivery.padding import parse_ratios
        from adcreative.runs.folder import Makers
        from adcreative.verbs.sizes import write_sizes

        tools = self._loaded.tools.editor_tools(self._loaded.judges, None, self._consents)
        makers = Makers(models=self.model_hashes, signing=self.signing)
        return write_sizes(creative, outcome, parse_ratios(",".join(ratios)), tools, out, stem=stem, makers=makers, tell=tell)

    @takes(ConceptsSettings)
    def concepts(
        self, data: Path, out: Path, settings: ConceptsSettings, *, progress: Progress = silent, should_stop: ShouldStop = never
    ) -> RunSummary:
        """Group an account's ads and say what to make next, into the folder `out`, as the command `concepts` does.

        Raises:
            CatalogError: nothing usable in `data`. ConfigError: stopped, or a wrong setting.
        """
        from adcreative.verbs.concepts import concepts

        settings = replace(settings, features=settings.features or self._loaded.features_dir)
        return concepts(data, out, settings, progress=progress, should_stop=should_stop)

    @takes(ComposeSettings)
    def compose(
        self,
        brief: Path | Brief,
        out: Path,
        settings: ComposeSettings,
        *,
        progress: Progress = silent,
        should_stop: ShouldStop = never,
        show: Show | None = None,
    ) -> RunSummary:
        """Compose ads from a brief into the folder `out` with this studio's model, as the command `compose` does.

        Raises:
            ConfigError: the brief or a setting is wrong. CatalogError: no ad can be composed of the brief.
        """
        from adcreative.verbs.compose import compose

        settings = replace(settings, model=settings.model or self._model_dir)
        return compose(brief, out, settings, progress=progress, should_stop=should_stop, show=show)

    def find_faces(self, creative: Creative) -> list[FoundFace]:
        """Find the faces of a picture, largest first, as `improve_one` counts them; empty without a picture.

        Raises:
            CreativeError: its picture cannot be read.
        """
        image_u8 = picture(creative)
        return [] if image_u8 is None else list(self._loaded.find_faces(image_u8))

    def read_words(self, creative: Creative) -> Creative:
        """Return an ad with empty fields read in its picture; `read_fields` names the fields.

        Raises:
            CreativeError: its picture cannot be read.
        """
        (found,) = fill_from_pictures([creative], find_reader(lambda: self._loaded.tools.extractor.cache))
        return found

    def read(self, creative: Creative) -> list[dict[str, Any]]:
        """Return the words in an ad's picture, a row per block, as the verb `read` writes them: role, text, sureness, box, ink.

        Corrected rows are passed back as the `words` of the ad, as JSON: replace(creative, words=json.dumps(rows)).

        Raises:
            CreativeError: there is no picture, or the picture cannot be read. WeightsError: the OCR packages are not installed.
        """
        from adcreative.verbs.read import read_rows

        return read_rows(creative, find_reader(lambda: self._loaded.tools.extractor.cache))

    def name_brand(self, creative: Creative) -> str:
        """Return the brand named in an ad's words or picture; "" where there is none. Raises as `read_words`."""
        return name_brand_of(creative, find_reader(lambda: self._loaded.tools.extractor.cache))

    def prepare_one(self, creative: Creative, should_stop: ShouldStop) -> None:
        """Compute and cache the inputs of `improve_one`: words in the picture, and the lines to choose from.

        Raises:
            CreativeError: its picture cannot be read.
        """
        from adcreative.editor.preparation.lines import prepare_lines
        from adcreative.editor.preparation.picture import prepare_words

        models = self._loaded.tools.editor_tools(
            self._loaded.judges, (), inpaint_model=self.config.inpaint_model, prepared=self._loaded.prepared
        )
        opened = prepare_words(creative, models, SessionSettings(config=self.config), should_stop)
        prepare_lines(opened, models, self.config, should_stop)

    @takes(ImproveSettings)
    def open_one(self, creative: Creative, settings: ImproveSettings, *, should_stop: ShouldStop | None = None) -> Session:
        """Open one creative for editing: `search()` finds an edit, `choose(i)` takes another, `reword(...)` sets other words.

        Args:
            settings: as for `improve_one`. should_stop: polled; True opens with the lines written so far.
        Raises:
            ConfigError, CreativeError: as `improve_one`.
        """
        from adcreative.editor.session import open_session

        config = fill_config(
            self.config, seed=settings.seed, population_size=settings.population_size, generations=settings.generations
        )
        config = config if settings.changes is None else limit_changes(config, settings.changes)
        if not 0 < settings.boldness <= 1:
            raise ConfigError(f"boldness must be above 0 and at most 1, got {settings.boldness}")
        check_base_rate(settings.usual_rate)
        asked = SessionSettings(
            config=config,
            faces=None if settings.faces is None else frozenset(settings.faces),
            boldness=settings.boldness,
            wording=_read_wording(settings),
            level=self._level(settings.usual_rate),
        )
        models = self._tools_with(settings.copywriter, settings.llm_key).editor_tools(
            self._loaded.judges,
            settings.directions,
            self._consents,
            config.scene_model,
            config.inpaint_model,
            self._loaded.prepared,
        )
        return open_session(creative, asked, composing(models), should_stop)

    @takes(ImproveSettings)
    def improve_one(
        self,
        creative: Creative,
        settings: ImproveSettings,
        *,
        progress: Rounds | None = None,
        should_stop: ShouldStop | None = None,
        show_best: Callable[[Creative], None] | None = None,
    ) -> EditOutcome:
        """Search an edit of one creative; faces are edited only with consent.

        Args:
            settings: settings of this edit, in place of the studio's own; fields may be given as keywords.
            progress: progress(generation, generations, best lower bound of uplift in log-odds).
            show_best: called with the best edit so far, at full size, whenever the search finds a better one.
        Raises:
            ConfigError: boldness is out of range, a direction is unknown, or `brand_kit` is no brand manifest.
            CreativeError: its picture cannot be read.
        """
        session = self.open_one(creative, settings, should_stop=should_stop)
        return session.search(progress=progress, should_stop=should_stop, show_best=show_best)


def _read_wording(settings: WriteSettings) -> Wording:
    kit = None if settings.brand_kit is None else read_brand_kit(settings.brand_kit)
    return Wording(text=settings.brief, avoid=tuple(settings.avoid), kit=kit)


def limit_changes(config: EditorConfig, changes: Sequence[str]) -> EditorConfig:
    """Return settings that change nothing but faces and `changes` (members of CHANGES).

    Raises:
        ConfigError: a member of `changes` is not known.
    """
    unknown = [name for name in changes if name not in CHANGES]
    if unknown:
        raise ConfigError(f'nothing named "{unknown[0]}" can be changed; known: {", ".join(CHANGES)}.')
    config = replace(config, set_text="text" in changes, edit_look="look" in changes)
    config = config if "text" in changes else replace(config, num_layouts=0)
    if "words" in changes:
        return config
    return replace(config, num_headlines=0, num_descriptions=0, num_crossed=0, num_buttons=0)
