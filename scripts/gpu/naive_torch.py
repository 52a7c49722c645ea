#!/usr/bin/env python3
"""How many occluded pictures a second PyTorch runs a network of torchvision's on, at its best batch.

  naive_torch.py [--dry] --seconds N NETWORK

Prints rows "what TAB value TAB unit" for scripts/gpu/first.sh. The pictures are made on the card,
a grey patch on each, as every program that maps naively must; weights are random. Ways that fail
are named on standard error, and rows are left out for them. --dry runs a toy on the processor.
"""
import argparse
import contextlib
import sys
import time

import torch


def toy():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 5))


def network(name):
    import torchvision

    more = {"aux_logits": False, "init_weights": False} if name in ("inception_v3", "googlenet") else {}
    return getattr(torchvision.models, name)(weights=None, **more)


def rate(run, batch, size, device, seconds, channels_last):
    """Pictures a second, in the best of three turns."""
    clean = torch.rand(1, 3, size, size, device=device)
    index = torch.arange(size, device=device)
    steps, at = max(1, (size - 16) // 4 + 1), 0

    def once():
        nonlocal at
        k = torch.arange(at, at + batch, device=device) % (steps * steps)
        at += batch
        y, x = (k // steps * 4).view(-1, 1), (k % steps * 4).view(-1, 1)
        rows, columns = (index >= y) & (index < y + 16), (index >= x) & (index < x + 16)
        pictures = torch.where((rows[:, :, None] & columns[:, None, :])[:, None], torch.full_like(clean, 0.5), clean)
        if channels_last:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        return run(pictures).float().sum(0)

    def done(y):
        return y.sum().item()  # waits for the card

    for _ in range(2):
        done(once())
    best = 0.0
    for _ in range(3):
        begun, n = time.perf_counter(), 0
        while True:
            for _ in range(3):
                once()
            done(once())
            n += 4 * batch
            spent = time.perf_counter() - begun
            if spent > seconds:
                break
        best = max(best, n / spent)
    return best


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dry", action="store_true")
    p.add_argument("--seconds", type=float, required=True)
    p.add_argument("network")
    o = p.parse_args()
    device, size = ("cpu", 32) if o.dry else ("cuda", 299 if o.network == "inception_v3" else 224)
    batches = (1, 2) if o.dry else (16, 32, 64, 128, 256, 512, 1024)
    turn = 0.01 if o.dry else 0.3
    end = time.perf_counter() + o.seconds
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32  # as PyTorch has them
    ways = ["default", "strict FP32", "channels-last with AMP"] + ["torch.compile"] * hasattr(torch, "compile")
    for k, way in enumerate(ways):
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = (False, False) if way == "strict FP32" else tf32
        until = time.perf_counter() + (end - time.perf_counter()) / (len(ways) - k)
        best, at = 0.0, 0
        try:
            net = (toy() if o.dry else network(o.network)).eval().to(device)
            last, mixed = way.startswith("channels-last"), contextlib.nullcontext()
            if last:
                net = net.to(memory_format=torch.channels_last)
                mixed = torch.autocast(device, torch.bfloat16 if o.dry else torch.float16)
            # Compiling is slow: two batches are enough for it.
            run, sizes = (torch.compile(net), batches[-4:-2] or batches) if way == "torch.compile" and not o.dry else (net, batches)
            if way == "torch.compile" and o.dry:
                continue
            for batch in sizes:
                if time.perf_counter() > until and at:
                    print(f"{way}: no time for batches of {batch} and more", file=sys.stderr)
                    break
                with torch.inference_mode(), mixed:
                    got = rate(run, batch, size, device, turn, last)
                print(f"{way}, batch {batch}: {got:.6g}/s", file=sys.stderr)
                if got > best:
                    best, at = got, batch
                elif got < 0.9 * best:
                    break
        except Exception as e:  # a card's memory, a compiler that is not there: the other ways go on
            print(f"{way}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)
        if at:
            print(f"PyTorch {torch.__version__} {way}, batch {at}\t{best:.6g}\tpositions/s", flush=True)
        elif way == "default":
            sys.exit("PyTorch does not run it")


main()
