#!/usr/bin/env python3
"""How many occluded pictures a second PyTorch and ONNX Runtime run a network on, at their best batch.

  naive.py [--dry] --seconds N NETWORK              a network of torchvision's, by PyTorch
  naive.py [--dry] --seconds N --onnx FILE SIZE     a file with an open batch size, by ONNX Runtime's CUDA provider

Prints rows "what TAB value TAB unit" for scripts/gpu/first.sh. The pictures are made on the card
(by PyTorch), a grey patch on each, as every program that maps naively must; weights of torchvision's
networks are random. Ways that fail are named on standard error, and rows are left out for them.
--dry runs a toy on the processor.
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


def ways_of_torch(o, device):
    """Names of ways, and what makes a function of pictures and what is around its calls of each."""
    tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32  # as PyTorch has them

    def make(way):
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = (False, False) if way == "strict FP32" else tf32
        net = (toy() if o.dry else network(o.network)).eval().to(device)
        if way.startswith("channels-last"):
            return net.to(memory_format=torch.channels_last), torch.autocast(device, torch.bfloat16 if o.dry else torch.float16)
        # Compiling is slow: main has it try two batches.
        return (torch.compile(net) if way == "torch.compile" else net), contextlib.nullcontext()

    ways = ["default", "strict FP32", "channels-last with AMP"] + ["torch.compile"] * (hasattr(torch, "compile") and not o.dry)
    return f"PyTorch {torch.__version__}", ways, make


def ways_of_onnxruntime(o, device):
    import numpy
    import onnxruntime

    provider = "CPUExecutionProvider" if o.dry else "CUDAExecutionProvider"

    def make(way):
        options = {"use_tf32": "0"} if way == "strict FP32" and not o.dry else {}
        session = onnxruntime.InferenceSession(o.onnx, providers=[(provider, options)])
        if session.get_providers()[0] != provider:
            raise RuntimeError(f"{provider} cannot be used here")
        into, out = session.get_inputs()[0].name, session.get_outputs()[0].name
        with torch.inference_mode():
            classes = session.run([out], {into: numpy.zeros((1, 3, o.size, o.size), numpy.float32)})[0].shape[1:]

        def run(pictures):
            y = torch.empty((len(pictures), *classes), device=device)
            b = session.io_binding()
            for bind, name, t in ((b.bind_input, into, pictures.contiguous()), (b.bind_output, out, y)):
                bind(name, device, 0, numpy.float32, tuple(t.shape), t.data_ptr())
            if device == "cuda":
                torch.cuda.synchronize()  # it has a stream of its own, and waits for that by itself
            session.run_with_iobinding(b)
            return y

        return run, contextlib.nullcontext()

    return f"ONNX Runtime {onnxruntime.__version__}", ["default", "strict FP32"], make


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dry", action="store_true")
    p.add_argument("--seconds", type=float, required=True)
    p.add_argument("--onnx")
    p.add_argument("network", help="or, with --onnx, how many pixels a side it reads")
    o = p.parse_args()
    device, o.size = "cpu" if o.dry else "cuda", 299 if o.network == "inception_v3" else 224
    if o.onnx:
        o.size = int(o.network)
    elif o.dry:
        o.size = 32
    batches = (1, 2) if o.dry else (16, 32, 64, 128, 256, 512, 1024)
    turn = 0.01 if o.dry else 0.3
    end = time.perf_counter() + o.seconds
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    program, ways, make = (ways_of_onnxruntime if o.onnx else ways_of_torch)(o, device)
    for k, way in enumerate(ways):
        until = time.perf_counter() + (end - time.perf_counter()) / (len(ways) - k)
        best, at = 0.0, 0
        try:
            run, around = make(way)
            for batch in batches[-4:-2] if way == "torch.compile" else batches:
                if time.perf_counter() > until and at:
                    print(f"{way}: no time for batches of {batch} and more", file=sys.stderr)
                    break
                with torch.inference_mode(), around:
                    got = rate(run, batch, o.size, device, turn, way.startswith("channels-last"))
                print(f"{way}, batch {batch}: {got:.6g}/s", file=sys.stderr)
                if got > best:
                    best, at = got, batch
                elif got < 0.9 * best:
                    break
        except Exception as e:  # a card's memory, a compiler that is not there: the other ways go on
            print(f"{way}: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", file=sys.stderr)
        if at:
            print(f"{program} {way}, batch {at}\t{best:.6g}\tpositions/s", flush=True)
        elif way == "default":
            sys.exit(f"{program} does not run it")


main()
