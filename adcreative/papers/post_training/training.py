"""Train a small language model to write a brand's lines: three stages, each on trl's own trainer, each resumable.

A stage changes a LoRA adapter only; the base model is unchanged. A killed stage continues from its last checkpoint
when restarted with the same arguments, and ends with the same weights. Needs the `posttrain` extra.

    pretrain  next-token likelihood of a corpus (Gururangan et al. 2020, continued pre-training)
    sft       likelihood of approved lines given the brief; the brief's own tokens carry no loss
    dpo       -log sigmoid(beta * (log-ratio of the chosen line - log-ratio of the rejected line)), log-ratios against the
              initial model of the stage (Rafailov et al. 2023, eq. 7); ln 2 before the first step. A small weight on
              the chosen line's own likelihood prevents a decrease of both likelihoods (Pang et al. 2024).

Formats of the files: `data`. Command line: `__main__`.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.trainer_utils import get_last_checkpoint

from adcreative.artifacts import hash_file, write_atomically
from adcreative.copywriter.engines.adapter import WEIGHTS_FILE
from adcreative.errors import TrainingError
from adcreative.papers.post_training.data import Example
from adcreative.papers.post_training.model import Model, load_base, save_adapter

if TYPE_CHECKING:
    from peft import PeftModel
    from trl import DPOTrainer, SFTTrainer

STAGES = ("pretrain", "sft", "dpo")
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, kw_only=True)
class PostTrainingConfig:
    """One stage's settings. The learning rate rises over the first tenth of the steps and falls linearly to zero.

    max_steps: -1 means num_epochs. tuned_share: share of the layers, from the top, that the adapter changes; lower layers keep
    their grammar and need no backward pass. beta, chosen_weight: of the DPO stage only, see the module docstring. is_bf16:
    compute in bfloat16 (weights and gradients stay float32); about twice as fast on processors with support.
    """

    learning_rate: float
    num_epochs: float = 1.0
    max_steps: int = -1
    batch_examples: int = 16
    rank: int = 8
    lora_alpha: int = 16
    tuned_share: float = 2 / 3
    max_tokens: int = 128
    beta: float = 0.1
    chosen_weight: float = 0.2
    save_steps: int = 20
    is_bf16: bool = True
    seed: int = 0


CONFIGS = {
    "pretrain": PostTrainingConfig(learning_rate=2e-4),
    "sft": PostTrainingConfig(learning_rate=3e-4),
    "dpo": PostTrainingConfig(learning_rate=4e-4),
}


def run_stage(
    stage: str,
    rows: list[Example],
    out_dir: Path,
    config: PostTrainingConfig,
    *,
    start: Path | None = None,
    base: Model | None = None,
) -> Path:
    """Train from the last checkpoint in out_dir, if there is one, and return the folder of the adapter; see `build_trainer`."""
    trainer = build_trainer(stage, rows, out_dir, config, start=start, base=base)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(out_dir)))
    trainer.save_state()
    save_adapter(cast("PeftModel", trainer.model), out_dir / "adapter")
    return out_dir / "adapter"


pretrain, sft, dpo = (partial(run_stage, stage) for stage in STAGES)


def build_trainer(
    stage: str,
    rows: list[Example],
    out_dir: Path,
    config: PostTrainingConfig,
    *,
    start: Path | None = None,
    base: Model | None = None,
) -> SFTTrainer | DPOTrainer:
    """Return trl's trainer for one stage, ready to train.

    Args:
        rows: `text`; `prompt` and `completion`, of which the completion alone has loss; or `prompt`, `chosen`, `rejected`.
        out_dir: folder of its checkpoints; a folder with another training's checkpoints is refused.
        start: an adapter to continue; None starts a new one.
        base: the base model and its tokenizer; None means the embedded SmolLM2. The object is modified.
    Raises:
        TrainingError: trl or peft is missing, or out_dir holds checkpoints of other data or settings.
    """
    try:
        from datasets import Dataset
        from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
    except ImportError as error:
        raise TrainingError(
            f"post-training needs {error.name}; install the extra: pip install 'adcreative[posttrain]'"
        ) from error
    os.environ.setdefault("TQDM_DISABLE", "1")
    _claim(out_dir, stage, rows, config, start)
    model, tokenizer = base or load_base()
    settings: dict[str, Any] = {
        "output_dir": str(out_dir),
        "seed": config.seed,
        "data_seed": config.seed,
        "learning_rate": config.learning_rate,
        "num_train_epochs": config.num_epochs,
        "max_steps": config.max_steps,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "per_device_train_batch_size": config.batch_examples,
        "max_length": config.max_tokens,
        "bf16": config.is_bf16,
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": False,
        "train_sampling_strategy": "sequential",
        "save_steps": config.save_steps,
        "save_total_limit": 2,
        "logging_steps": 5,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    ordered = _in_batches_of_like_length(rows, config)
    common = {"train_dataset": Dataset.from_list(ordered), "processing_class": tokenizer}
    peft_model = _with_adapter(model, config, start)
    if stage == "dpo":
        losses: dict[str, Any] = (
            {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, config.chosen_weight]} if config.chosen_weight else {}
        )
        trainer: Any = DPOTrainer(model=peft_model, args=DPOConfig(**settings, beta=config.beta, **losses), **common)
    else:
        arguments = SFTConfig(**settings, completion_only_loss=stage == "sft", packing=False)
        trainer = SFTTrainer(model=peft_model, args=arguments, **common)
    return trainer


def _in_batches_of_like_length(rows: list[Example], config: PostTrainingConfig) -> list[Example]:
    """Shuffle the rows so that each batch needs little padding; the same order in every process."""
    rng = np.random.default_rng(config.seed)
    lengths = np.array([sum(map(len, row.values())) for row in rows])
    shuffled = rng.permutation(len(rows))
    by_length = np.concatenate(
        [block[np.argsort(lengths[block], kind="stable")] for block in np.array_split(shuffled, -(-len(rows) // 512))]
    )
    num_whole = len(rows) // config.batch_examples * config.batch_examples
    batches = by_length[:num_whole].reshape(-1, config.batch_examples)
    order = np.r_[batches[rng.permutation(len(batches))].ravel(), by_length[num_whole:]]
    return [rows[place] for place in order]


def _with_adapter(model: PreTrainedModel, config: PostTrainingConfig, start: Path | None) -> PeftModel:
    from peft import LoraConfig, PeftModel, get_peft_model

    if start is not None:
        return PeftModel.from_pretrained(model, str(start), is_trainable=True)
    torch.manual_seed(config.seed)  # peft draws A from the global generator; safe in a script's own process
    num_layers = int(model.config.num_hidden_layers)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.lora_alpha,
        target_modules=list(LAYERS),
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
        layers_to_transform=list(range(num_layers - round(config.tuned_share * num_layers), num_layers)),
    )
    return get_peft_model(model, lora)


def _claim(out_dir: Path, stage: str, rows: list[Example], config: PostTrainingConfig, start: Path | None) -> None:
    """Record the training in out_dir; refuse a folder with a record of another one."""
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    start_hash = hash_file(start / WEIGHTS_FILE) if start is not None else ""
    claim = {"stage": stage, "rows": len(rows), "data": digest, "start": start_hash, **asdict(config)}
    path = out_dir / "stage.json"
    if path.is_file() and (held := json.loads(path.read_text())) != claim:
        changed = sorted(name for name in claim if held.get(name) != claim[name])
        raise TrainingError(f"{out_dir} holds a training with another {', '.join(changed)}; give a new --out or remove it.")
    write_atomically(path, (json.dumps(claim, indent=2) + "\n").encode())
