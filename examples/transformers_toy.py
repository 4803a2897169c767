"""A tiny GPT-2 of transformers, from scratch: `callbacks=[MMLogCallback()]` is all there is to it."""

import argparse
import tempfile

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

from otel_mmlog.integrations.transformers import MMLogCallback

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--work-dir", default="work_dirs/transformers_toy")
parser.add_argument("--steps", type=int, default=40)
options = parser.parse_args()

set_seed(0)
tokens = (torch.arange(256)[:, None] + torch.arange(16)) % 32
data = [{"input_ids": row, "labels": row} for row in tokens]
model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2))

with tempfile.TemporaryDirectory() as output_dir:
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=output_dir,
            max_steps=options.steps,
            per_device_train_batch_size=16,
            learning_rate=1e-2,
            logging_steps=10,
            eval_strategy="steps",
            eval_steps=20,
            save_steps=20,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=data[:192],
        eval_dataset=data[192:],
        callbacks=[MMLogCallback("transformers_toy", work_dir=options.work_dir)],
    )
    trainer.train()
