"""Words to token ids, by the tokenizer.json of a model's folder. Imports `tokenizers` alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from adcreative.errors import ArtifactError


class TokenReader:
    """Token ids of texts. bos_token_id: the start token; None where there is none."""

    def __init__(self, tokenizer: Tokenizer, bos_token_id: int | None = None) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer, self.bos_token_id = tokenizer, bos_token_id

    def read(self, texts: Sequence[str], *, max_tokens: int | None = None, has_marks: bool = True) -> list[list[int]]:
        """Return the ids of each text.

        Args:
            max_tokens: maximum number of tokens, special ones included; the rest is truncated. has_marks: add the model's
                special tokens around a text, such as [CLS] and [SEP].
        """
        found: list[list[int]] = [one.ids for one in self._tokenizer.encode_batch(list(texts), add_special_tokens=has_marks)]
        if max_tokens is None:
            return found
        if not has_marks:
            return [ids[:max_tokens] for ids in found]
        return [ids if len(ids) <= max_tokens else [*ids[: max_tokens - 1], ids[-1]] for ids in found]


def read_tokens(folder: Path) -> TokenReader:
    """Read the tokenizer of a folder; config.json gives the start token.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises plain exceptions
        raise ArtifactError(f"{folder} holds no tokenizer that can be read ({error}). Restore it.") from error
    return TokenReader(tokenizer, config.get("bos_token_id"))
