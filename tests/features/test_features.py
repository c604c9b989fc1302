"""Extraction with small fake encoders, the cache, and the fitted encoding into batches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adcreative.catalog.images import decode_image
from adcreative.creative import Creative
from adcreative.errors import CreativeError, FeatureError
from adcreative.features import extraction as feature_extraction
from adcreative.features.batch import CATEGORICAL_FIELDS, FACE_ATTRIBUTES, FIELDS, LOOK_STATS, CreativeFeatures, modality_mask
from adcreative.features.builder import AccountHistory, FeatureBuilder, pool_fields, select_earlier_rows, select_history
from adcreative.features.cache import FeatureCache, hash_picture, picture_key, words_key
from adcreative.features.extraction import FeatureExtractor, hash_of, look_stats
from stylegan.networks.checkpoints import FaceModel
from stylegan.networks.generator import Generator, GeneratorConfig


@dataclass
class FakeClip:
    content_hash: str = "clip-1"
    num_images: int = 0
    num_texts: int = 0

    def encode_images(self, images_u8: list[np.ndarray]) -> np.ndarray:
        self.num_images += len(images_u8)
        return np.array([[image.mean(), image.std(), image.shape[0]] for image in images_u8], np.float32)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        self.num_texts += len(texts)
        return np.array([[len(text), text.count("e")] for text in texts], np.float32)


@dataclass
class FakeHeadlines:
    content_hash: str = "headline-1"
    seen: list[str] = field(default_factory=list)

    def read(self, headlines: list[str]) -> np.ndarray:
        self.seen += headlines
        return np.array([[len(text) / 100, text.count("o"), 1.0] for text in headlines], np.float32)

    def read_wording(self, lines: list[str]) -> np.ndarray:
        return np.array([[text.count("o"), 2.0] for text in lines], np.float32)


class FakeAlignment:
    def crop(self, image_u8: np.ndarray, size: int) -> np.ndarray:
        return np.full((size, size, 3), image_u8[0, 0, 0], np.uint8)


@dataclass
class FakeFace:
    refusal: str | None = None
    box_xyxy_px: tuple[float, float, float, float] = (0.0, 0.0, 32.0, 64.0)
    attributes: dict[str, float] = field(default_factory=lambda: dict.fromkeys(FACE_ATTRIBUTES, 0.5))
    alignment: FakeAlignment = field(default_factory=FakeAlignment)


class FakeAnalyzer:
    """As many faces as the first pixel's red value says; every second is refused."""

    def analyze(self, image_u8: np.ndarray) -> list[FakeFace]:
        return [FakeFace(refusal="too small" if number % 2 else None) for number in range(int(image_u8[0, 0, 0]))]


class FakeCodec:
    size = 8
    content_hash = "codec-1"

    def encode(self, aligned: list[np.ndarray]) -> np.ndarray:
        assert all(crop.shape == (8, 8, 3) for crop in aligned)
        return np.array([np.full(512, crop.mean()) for crop in aligned], np.float32)


def picture(red: int, side: int = 64) -> np.ndarray:
    image_u8 = np.full((side, 2 * side, 3), 100, np.uint8)
    image_u8[0, 0, 0] = red
    return image_u8


def build_extractor(cache: FeatureCache | None = None, clip_hash: str = "clip-1") -> FeatureExtractor:
    return FeatureExtractor(FakeClip(clip_hash), FakeHeadlines(), FakeAnalyzer(), FakeCodec(), cache)


def extract_one(creative: Creative) -> CreativeFeatures:
    (result,) = build_extractor().extract([creative])
    assert isinstance(result, CreativeFeatures)
    return result


class TestExtraction:
    def test_words_are_read_where_encoders_may_share_and_pictures_are_not(self) -> None:
        inside: list[bool] = [False]
        asked: list[tuple[str, bool]] = []

        @contextmanager
        def sharing() -> Iterator[None]:
            inside[0] = True
            yield
            inside[0] = False

        class Clip(FakeClip):
            def encode_texts(self, texts: list[str]) -> np.ndarray:
                asked.append(("words", inside[0]))
                return super().encode_texts(texts)

            def encode_images(self, images_u8: list[np.ndarray]) -> np.ndarray:
                asked.append(("picture", inside[0]))
                return super().encode_images(images_u8)

        extractor = FeatureExtractor(Clip("clip-1"), FakeHeadlines(), FakeAnalyzer(), FakeCodec(), sharing=sharing)
        extractor.extract([Creative(image_u8=picture(1), headline="See here")])
        assert asked == [("words", True), ("picture", False)]

    def test_picture_and_words(self) -> None:
        seen = extract_one(Creative(image_u8=picture(3), headline="See here", primary_text="More", description="below"))
        assert seen.image is not None
        assert seen.image.tolist() == pytest.approx([picture(3).mean(), picture(3).std(), 64], rel=1e-5)
        assert seen.text is not None
        assert seen.text.tolist() == [8, 4]
        assert seen.body is not None
        assert seen.body.tolist() == [len("More below"), 2]
        assert seen.appeal == pytest.approx(0.08)
        assert seen.look is not None
        assert seen.look.shape == (len(LOOK_STATS),)

    def test_refused_faces_count_and_keep_attributes_but_their_code_is_masked(self) -> None:
        seen = extract_one(Creative(image_u8=picture(3)))
        assert seen.face_codes.shape == (3, 512)
        assert np.isfinite(seen.face_codes).all(axis=1).tolist() == [True, False, True]
        assert seen.face_codes[2, 0] == 3.0
        assert seen.face_attributes.tolist() == [[0.5] * len(FACE_ATTRIBUTES)] * 3
        assert seen.face_shares.tolist() == [0.25] * 3
        fields = pool_fields(Creative(), seen)
        assert fields["face_count"] == pytest.approx(np.log(4))
        assert fields["face_mean"] is not None
        assert fields["face_mean"][0] == 3.0

    def test_words_only_and_picture_only(self) -> None:
        words = extract_one(Creative(headline="x"))
        assert words.image is None
        assert words.look is None
        assert words.body is None
        assert len(words.face_shares) == 0
        seen = extract_one(Creative(image_u8=picture(0)))
        assert seen.text is None
        assert seen.appeal is None
        assert seen.face_codes.shape == (0, 512)

    def test_a_bad_creative_becomes_an_error_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jpg").write_bytes(b"")
        creatives = [Creative(headline="x"), Creative(image_path=tmp_path / "empty.jpg"), Creative(), Creative(headline="y")]
        results = build_extractor().extract(creatives)
        assert [type(one) for one in results] == [CreativeFeatures, CreativeError, CreativeError, CreativeFeatures]
        assert "empty" in str(results[1])
        assert str(results[2]) == "It has neither a picture nor words. Fill in file_name or headline."
        assert build_extractor().extract([]) == []

    def test_company_changes_nothing(self) -> None:
        creatives = [Creative(image_u8=picture(i % 4), headline=f"headline {i}") for i in range(40)]
        together = build_extractor().extract(creatives)
        for creative, result in zip(creatives, together, strict=True):
            alone = extract_one(creative)
            assert isinstance(result, CreativeFeatures)
            for name in ("image", "look", "text", "face_codes", "face_attributes"):
                np.testing.assert_array_equal(getattr(alone, name), getattr(result, name))

    def test_words_of_many_creatives_go_to_the_encoder_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        extractor, calls = build_extractor(), []
        encode_texts = extractor.clip.encode_texts
        monkeypatch.setattr(extractor.clip, "encode_texts", lambda texts: calls.append(len(texts)) or encode_texts(texts))
        extractor.extract([Creative(headline=f"headline {i}") for i in range(feature_extraction.WORDS_CHUNK + 2)])
        assert calls == [feature_extraction.WORDS_CHUNK, 2]

    def test_words_that_come_soon_are_read_together_and_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        creatives = [Creative(headline=f"headline {i}", primary_text="the same body") for i in range(9)]
        plain = build_extractor().extract(creatives[:3])
        extractor, calls = build_extractor(cache=FeatureCache(tmp_path)), []
        encode_texts = extractor.clip.encode_texts
        monkeypatch.setattr(extractor.clip, "encode_texts", lambda texts: calls.append(len(texts)) or encode_texts(texts))
        extractor.read_ahead(creatives)
        assert calls == [10]
        ahead = extractor.extract(creatives[:3])
        assert calls == [10]  # nothing is encoded twice
        for one, other in zip(ahead, plain, strict=True):
            np.testing.assert_array_equal(one.text, other.text)
        extractor.cache = None
        extractor.read_ahead(creatives)
        assert calls == [10]  # nowhere to keep them

    def test_only_headlines_are_scored(self) -> None:
        extractor = build_extractor()
        extractor.extract([Creative(headline="a", description="long text"), Creative(headline="a")])
        assert extractor.headline_model.seen == ["a"]  # type: ignore[attr-defined]

    def test_look_of_plain_pictures(self) -> None:
        red = np.zeros((64, 128, 3), np.uint8)
        red[..., 0] = 255
        stats = dict(zip(LOOK_STATS, look_stats(red, [(-10, 0, 64, 64)]).tolist(), strict=True))
        expected = {"brightness": 0.2126, "contrast": 0, "saturation": 1, "warmth": 1, "face_share": 0.5, "aspect": np.log(2)}
        assert stats == pytest.approx(expected, abs=1e-6)
        black = look_stats(np.zeros((64, 64, 3), np.uint8))
        assert black.tolist() == [0, 0, 0, 0, 0, 0]

    def test_look_hardly_depends_on_size(self) -> None:
        rng = np.random.default_rng(0)
        small = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
        looks = [look_stats(small.repeat(k, axis=0).repeat(k, axis=1)) for k in (20, 120)]
        np.testing.assert_allclose(looks[0], looks[1], atol=0.02)

    def test_hashes_name_every_encoder(self) -> None:
        assert build_extractor().hashes == {
            "clip": "clip-1",
            "headline": "headline-1",
            "codec": "codec-1",
            "faces": f"{__name__}.FakeAnalyzer",
        }

        @dataclass
        class WithModel:
            face_model: object

        model = FaceModel(Generator(GeneratorConfig(size=8, z_dim=4, w_dim=4, num_mapping_layers=1)), None, {"sha256": "abc"})
        assert hash_of(WithModel(model)) == "abc"
        assert hash_of(WithModel(replace(model, manifest={"sha256": "def", "codes_sha256": "abc"}))) == "abc"


class TestCache:
    def test_nothing_is_encoded_twice(self, tmp_path: Path) -> None:
        creatives = [Creative(image_u8=picture(2), headline="one", description="two"), Creative(headline="one")]
        first, second = build_extractor(FeatureCache(tmp_path)), build_extractor(FeatureCache(tmp_path))
        seen, again = first.extract(creatives), second.extract(creatives)
        assert second.clip.num_images == second.clip.num_texts == 0  # type: ignore[attr-defined]
        assert second.headline_model.seen == []  # type: ignore[attr-defined]
        for a, b in zip(seen, again, strict=True):
            assert isinstance(a, CreativeFeatures)
            assert isinstance(b, CreativeFeatures)
            for name in vars(a):
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))

    def test_a_known_file_is_not_decoded_and_a_changed_one_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path, cache = tmp_path / "ad.png", FeatureCache(tmp_path / "cache")
        Image.fromarray(picture(2)).save(path)
        (seen,) = build_extractor(cache).extract([Creative(image_path=path)])
        decoded = []
        monkeypatch.setattr(feature_extraction, "decode_image", lambda *file: decoded.append(file) or decode_image(*file))
        moved = tmp_path / "moved.png"
        moved.write_bytes(path.read_bytes())
        (again,) = build_extractor(cache).extract([Creative(image_path=moved)])
        assert isinstance(seen, CreativeFeatures)
        assert isinstance(again, CreativeFeatures)
        np.testing.assert_array_equal(seen.image, again.image)
        assert decoded == []
        Image.fromarray(picture(3)).save(path)
        extractor = build_extractor(cache)
        (changed,) = extractor.extract([Creative(image_path=path)])
        assert isinstance(changed, CreativeFeatures)
        assert changed.image is not None
        assert changed.image.tolist() != seen.image.tolist()  # type: ignore[union-attr]
        assert (len(decoded), extractor.clip.num_images) == (1, 1)  # type: ignore[attr-defined]

    def test_the_same_pixels_are_known_from_memory_and_from_a_file_of_any_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = FeatureCache(tmp_path / "cache")
        creatives = [Creative(image_path=tmp_path / name) for name in ("a.png", "b.bmp")]
        build_extractor(cache).extract([Creative(image_u8=picture(2))])
        for creative in creatives:
            Image.fromarray(picture(2)).save(creative.image_path)
        monkeypatch.setattr(feature_extraction, "MAX_KEYED_BYTES", 1000)  # the BMP has more
        extractor = build_extractor(cache)
        assert all(isinstance(one, CreativeFeatures) for one in extractor.extract(creatives))
        assert extractor.clip.num_images == 0  # type: ignore[attr-defined]

    def test_one_picture_in_several_creatives_is_encoded_once(self) -> None:
        extractor = build_extractor()
        found = extractor.extract([Creative(image_u8=picture(i % 2), headline=f"h{i}") for i in range(6)])
        assert extractor.clip.num_images == 2  # type: ignore[attr-defined]
        images = [one.image.tolist() for one in found]  # type: ignore[union-attr]
        assert images == [images[0], images[1]] * 3
        assert images[0] != images[1]

    def test_another_encoder_pixel_or_word_is_another_entry(self, tmp_path: Path) -> None:
        build_extractor(FeatureCache(tmp_path)).extract([Creative(image_u8=picture(0), headline="one")])
        other = build_extractor(FeatureCache(tmp_path), clip_hash="clip-2")
        other.extract([Creative(image_u8=picture(0), headline="one")])
        assert (other.clip.num_images, other.clip.num_texts) == (1, 1)  # type: ignore[attr-defined]
        changed = picture(0)
        changed[5, 5, 2] ^= 1
        assert hash_picture(picture(0)) != hash_picture(changed)
        flat = picture(0).reshape(128, 64, 3)  # the same bytes, another shape
        assert hash_picture(picture(0)) != hash_picture(flat)
        assert picture_key("ab", "c", "de") != picture_key("ab", "cd", "e")
        assert words_key("ab", "c") != words_key("a", "bc")

    def test_damaged_entries_are_written_anew(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path)
        cache.save("cd56", {"appeal": np.float32(0.5), "nan": np.array([[1.0, np.nan]]).T})  # type: ignore[dict-item]
        kept = cache.load("cd56")
        assert kept is not None
        assert (kept["appeal"].shape, float(kept["appeal"]), kept["nan"].shape) == ((), 0.5, (2, 1))
        assert np.isnan(kept["nan"][1, 0])
        cache.purge()
        cache.save("ab12", {"x": np.arange(3)})
        (path,) = tmp_path.rglob("*.entry")
        whole = path.read_bytes()
        for damaged in (b"", whole[:20], whole[:-1], whole[:-1] + b"\xff"):
            path.write_bytes(damaged)
            assert cache.load("ab12") is None
        cache.save("ab12", {"x": np.arange(3)})
        loaded = cache.load("ab12")
        assert loaded is not None
        assert loaded["x"].tolist() == [0, 1, 2]
        assert cache.load("cd34") is None

    def test_purge_removes_entries_and_nothing_else(self, tmp_path: Path) -> None:
        cache = FeatureCache(tmp_path)
        for key in ("ab1", "ab2", "cd3"):
            cache.save(key, {"x": np.zeros(1)})
        (tmp_path / "ab" / "notes.txt").write_text("mine")
        assert cache.purge() == 3
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.txt"]
        assert cache.load("ab1") is None
        assert (tmp_path / "ab" / "notes.txt").exists()
        assert FeatureCache(tmp_path / "never made").purge() == 0

    def test_two_processes_share_a_folder(self, tmp_path: Path) -> None:
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=_write_often, args=(tmp_path,)) for _ in range(2)]
        for writer in writers:
            writer.start()
        cache, seen = FeatureCache(tmp_path), 0
        while any(writer.is_alive() for writer in writers):
            entry = cache.load("ab")
            assert entry is not None or not seen  # once there, never absent and never half
            if entry is not None:
                assert entry["x"].shape == (200_000,)
                seen += 1
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert seen > 0
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ab.entry"]


def _write_often(folder: Path) -> None:
    cache = FeatureCache(folder)
    for _ in range(60):
        cache.save("ab", {"x": np.ones(200_000)})


def make_rows(num: int, seed: int = 0) -> tuple[list[Creative], list[CreativeFeatures]]:
    rng = np.random.default_rng(seed)
    creatives = [
        Creative(headline=f"h{i}", brand=f"Brand {i % 3}", category="shoes", impressions=1000, clicks=int(rng.integers(5, 40)))
        for i in range(num)
    ]
    features = [
        CreativeFeatures(
            image=rng.normal(2, 3, 4).astype(np.float32),
            look=rng.normal(size=6).astype(np.float32),
            text=rng.normal(size=3).astype(np.float32),
            appeal=float(rng.normal()),
        )
        for _ in range(num)
    ]
    return creatives, features


class TestBuilder:
    def test_scalers_see_training_rows_only(self) -> None:
        creatives, features = make_rows(40)
        train = np.arange(20)
        builder = FeatureBuilder.fit(creatives, features, train)
        wild = [*features[:20], *(replace(one, image=one.image + 1e3) for one in features[20:])]  # type: ignore[operator]
        again = FeatureBuilder.fit(creatives, wild, train)
        assert np.array_equal(builder.means["image"], again.means["image"])
        encoded = builder.encode(creatives[:20], features[:20]).dense["image"]
        torch.testing.assert_close(encoded.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
        torch.testing.assert_close(encoded.std(dim=0, unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
        assert float(builder.encode(creatives[20:], wild[20:]).dense["image"].abs().max()) == 5.0  # clipped

    def test_what_is_missing_is_masked_not_imputed(self) -> None:
        creatives, features = make_rows(30)
        builder = FeatureBuilder.fit(creatives, features, np.arange(30))
        rows = builder.encode([Creative(headline="x")], [CreativeFeatures(appeal=0.2)])
        there = {name for name, is_there in zip(FIELDS, rows.present[0].tolist(), strict=True) if is_there}
        assert there == {"appeal"}
        assert not rows.dense["image"].any()
        pictured = builder.encode([Creative()], [replace(features[0], text=None, appeal=None)])
        assert bool(pictured.present[0, FIELDS.index("face_count")])  # no face is a finding
        assert not bool(pictured.present[0, FIELDS.index("face_mean")])

    def test_a_field_that_training_never_had_stays_masked(self) -> None:
        creatives, features = make_rows(30)
        builder = FeatureBuilder.fit(creatives, [replace(one, image=None) for one in features], np.arange(30))
        assert builder.spec.widths["image"] == 0
        rows = builder.encode(creatives, features)
        assert not rows.present[:, FIELDS.index("image")].any()

    def test_categories_fold_case_and_rare_or_new_ones_are_unknown(self) -> None:
        creatives, features = make_rows(30)
        creatives[0] = replace(creatives[0], category="rare")
        builder = FeatureBuilder.fit(creatives, features, np.arange(30))
        asked = [
            Creative(headline="x", brand=brand, category=category)
            for brand, category in (("  brand   1 ", "SHOES"), ("Brand 9", "rare"))
        ]
        ids = builder.encode(asked, features[:2]).categories
        brand, category = CATEGORICAL_FIELDS.index("brand"), CATEGORICAL_FIELDS.index("category")
        assert ids[0, brand] == 2
        assert ids[0, category] == 1
        assert ids[1, brand] == ids[1, category] == 0

    def test_base_rate_is_the_pooled_one(self) -> None:
        creatives, features = make_rows(30)
        clicks, impressions = sum(c.clicks or 0 for c in creatives), 30_000
        builder = FeatureBuilder.fit(creatives, features, np.arange(30))
        expected = np.log((clicks + 0.5) / (impressions + 0.5 - clicks))
        assert builder.spec.base_log_odds == pytest.approx(expected, abs=1e-6)

    def test_broken_features_are_refused_by_name(self) -> None:
        creatives, features = make_rows(30)
        builder = FeatureBuilder.fit(creatives, features, np.arange(30))
        with pytest.raises(FeatureError, match='creative "h0": text holds NaN or infinite values; extract it again'):
            builder.encode(creatives[:1], [replace(features[0], text=np.full(3, np.nan, np.float32))])
        with pytest.raises(FeatureError, match=r'creative "h0": text has shape \[2\], the model reads \[3\]; use the encoders'):
            builder.encode(creatives[:1], [replace(features[0], text=np.zeros(2, np.float32))])
        with pytest.raises(FeatureError, match="1 creatives came with 2 features; one of each is needed"):
            builder.encode(creatives[:1], features[:2])
        with pytest.raises(FeatureError, match="no training creative has impressions and clicks"):
            FeatureBuilder.fit([replace(c, clicks=None) for c in creatives], features, np.arange(30))
        with pytest.raises(FeatureError, match="the history has 2 creatives but 1 features"):
            AccountHistory(creatives[:2], features[:1])
        with pytest.raises(FeatureError, match="a creative of the history has no impressions and clicks; leave it out"):
            AccountHistory([Creative(headline="x")], features[:1])
        with pytest.raises(FeatureError, match="no modality named 'smell'; known: picture, look, faces, words, context"):
            modality_mask("smell")


class TestHistory:
    def dated(self, day: int, brand: str = "a", test_id: str = "", clicks: int = 5) -> Creative:
        start = f"2025-01-{day:02d}" if day else ""
        return Creative(ad_name=f"{brand}{day}", brand=brand, test_id=test_id, date_start=start, impressions=100, clicks=clicks)

    def test_only_earlier_creatives_of_the_brand_count(self) -> None:
        earlier = [self.dated(3), self.dated(1), self.dated(2, brand="b"), self.dated(9), self.dated(4, test_id="t")]
        idx, mask = select_history([self.dated(5, test_id="t"), Creative(headline="no brand")], earlier, 4)
        assert idx[0][mask[0] > 0].tolist() == [1, 0]  # by date; not b, not day 9, not the same test
        assert mask[1].sum() == 0

    def test_the_latest_are_kept(self) -> None:
        idx, mask = select_history([self.dated(30)], [self.dated(day) for day in range(1, 20)], 3)
        assert idx[0].tolist() == [16, 17, 18]
        assert mask[0].tolist() == [1, 1, 1]

    def test_in_a_table_a_row_never_sees_itself_or_later_rows(self) -> None:
        rows = [self.dated(0) for _ in range(6)]
        idx, mask = select_earlier_rows(rows, np.ones(6, bool), 3)
        for row in range(6):
            assert idx[row][mask[row] > 0].tolist() == list(range(max(0, row - 3), row))

    def test_training_rows_see_no_held_out_result(self) -> None:
        rows = [self.dated(0) for _ in range(6)]
        is_training = np.array([True, False, True, False, True, False])
        idx, mask = select_earlier_rows(rows, is_training, 5)
        assert idx[4][mask[4] > 0].tolist() == [0, 2]
        assert idx[5][mask[5] > 0].tolist() == [0, 1, 2, 3, 4]

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=14))
    def test_dates_are_respected_whatever_the_table(self, table: list[tuple[int, str, bool]]) -> None:
        rows = [self.dated(day, brand) for day, brand, _ in table]
        is_training = np.array([flag for *_, flag in table])
        idx, mask = select_earlier_rows(rows, is_training, 4)
        for row, creative in enumerate(rows):
            for seen in idx[row][mask[row] > 0]:
                assert seen != row
                assert rows[seen].brand == creative.brand
                assert not (rows[seen].date_start and creative.date_start) or rows[seen].date_start < creative.date_start
                assert is_training[seen] or not is_training[row]

    def test_log_rates_are_shrunk_and_centred(self) -> None:
        creatives, features = make_rows(40)
        builder = FeatureBuilder.fit(creatives, features, np.arange(40))
        base = 1 / (1 + np.exp(-builder.spec.base_log_odds))
        one = [replace(creatives[0], impressions=n, clicks=round(n * base * 2)) for n in (1000, 100_000)]
        _, rates = builder.encode_history(AccountHistory(one, features[:2]))
        assert 0 < float(rates[0]) < float(rates[1])
        assert float(rates[1]) * builder.rate_scale == pytest.approx(np.log(2), abs=0.1)

    def test_encoding_never_looks_at_the_creatives_own_result(self) -> None:
        creatives, features = make_rows(20)
        builder = FeatureBuilder.fit(creatives, features, np.arange(20))
        everyone = np.ones(20, bool)
        before = builder.encode_table(creatives, features, everyone)
        changed = [*creatives[:-1], replace(creatives[-1], clicks=999)]
        after = builder.encode_table(changed, features, everyone)
        last = torch.tensor([19])
        ours, theirs = before.index_select(last), after.index_select(last)
        assert ours.history is not None
        assert theirs.history is not None
        real = ours.history.idx[ours.history.mask > 0]
        assert torch.equal(ours.history.log_rate[real], theirs.history.log_rate[real])
        assert torch.equal(ours.present, theirs.present)
