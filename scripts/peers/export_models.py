#!/usr/bin/env python3
"""Write the networks that `make bench-peers` measures, as ONNX files with an open batch size.

  export_models.py OUTDIR [--only NAME[,NAME...] | --unseen] [TRAINED.onnx[=HxW]...]

The networks are torchvision's, with seeded random weights: He-initialised, and
batch-norm statistics set by a pass over seeded noise pictures, so that numbers
stay in a sane range (no overflow, no denormals) and speed is that of a trained
network. nanodet_m is a detector after its published description (ShuffleNet v2
backbone, path aggregation, separable heads with LeakyReLU, 80 classes, 320x320).

--only makes those alone. unet, which is made where it is asked for, is a U-Net of four
levels below 64 channels at 256x256: two 3x3 layers with batch normalization each, 2x2
transposed convolutions upwards, a softmax over four classes. resnet1d is a residual
network for electrocardiograms: 12 leads, 5,000 samples, eight blocks of two layers of 64
to 512 channels, kernels of 7 (targets.mjs measures both).

--unseen makes those of unseen_networks.py instead, which nothing was tuned for
(docs/benchmarks/unseen.md).

Each TRAINED.onnx is copied with its batch size opened (and named "batch"), and its
height and width fixed where they are open: at HxW, else at what "size: [H, W]" in
the file TRAINED.krypton.yaml beside it says. One that begins with "squeezenet"
takes the place of torchvision's SqueezeNet.

Files that are there already are left alone. Needs Debian's python3-torch,
python3-torchvision and python3-onnx (the system's /usr/bin/python3), or the
packages of the same names from elsewhere.
"""
import os
import re
import sys

import unseen_networks

OPSET = 13
NETS = {  # name: (constructor arguments, input size)
    "vgg16": ({}, 224),
    "resnet18": ({}, 224),
    "resnet50": ({}, 224),
    "inception_v3": ({"aux_logits": False, "init_weights": False}, 299),
    "mobilenet_v2": ({}, 224),
    "squeezenet1_1": ({}, 224),
    "efficientnet_b0": ({}, 224),
    "mobilenet_v3_large": ({}, 224),
    "regnet_y_800mf": ({}, 224),
    "convnext_tiny": ({}, 224),
    "shufflenet_v2_x1_0": ({}, 224),
    "densenet121": ({}, 224),
    "googlenet": ({"aux_logits": False, "init_weights": False}, 224),
    "resnext50_32x4d": ({}, 224),
    "vit_b_16": ({}, 224),
    "ssdlite320_mobilenet_v3_large": ({"weights_backbone": None}, 320),
    "nanodet_m": ({}, 320),
}
MORE = {"unet": ({}, 256), "resnet1d": ({}, (12, 5000))} | {name: ({}, size) for name, size in unseen_networks.SIZES.items()}  # where they are asked for


def need():
    """Import what makes models; said plainly where it is missing."""
    global np, onnx, torch, torchvision
    try:
        import numpy as np
        import onnx
        import torch
        import torchvision
    except ImportError as e:
        sys.exit(f"export_models.py: {sys.executable}: {e}\n"
                 "Making the networks needs Debian's python3-torch, python3-torchvision and python3-onnx:\n"
                 "  apt-get install --no-install-recommends python3-torch python3-torchvision python3-onnx\n"
                 "then, if python3 is not the system's own: make bench-peers PYTHON=/usr/bin/python3")


def pictures(rng, n, size):
    """Smooth noise: nearer to photographs than white noise."""
    if isinstance(size, tuple):  # a series
        return torch.from_numpy(rng.standard_normal((n, *size), dtype=np.float32))
    low = torch.from_numpy(rng.standard_normal((n, 3, 14, 14), dtype=np.float32))
    x = torch.nn.functional.interpolate(low, size=(size, size), mode="bilinear", align_corners=False)
    return x + 0.1 * torch.from_numpy(rng.standard_normal((n, 3, size, size), dtype=np.float32))


def heads(detector):
    """A detector without what torchvision does around it (scaling, boxes, suppression): its rows of scores and places."""

    class Heads(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = detector.backbone, detector.head

        def forward(self, x):
            found = self.head(list(self.backbone(x).values()))
            return found["cls_logits"], found["bbox_regression"]

    return Heads()


def nanodet():
    """NanoDet-m: three levels of 96 channels, each with its own two separable layers, boxes as distributions of 8 numbers a side."""
    nn = torch.nn
    levels, channels, classes, numbers = (116, 232, 464), 96, 80, 8

    def layer(i, o, kernel, groups=1):
        return [nn.Conv2d(i, o, kernel, padding=kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.1)]

    def leaky(m):
        for name, child in m.named_children():
            if isinstance(child, nn.ReLU):
                setattr(m, name, nn.LeakyReLU(0.1))
            leaky(child)
        return m

    def resized(x, like):
        return nn.functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)

    class NanoDet(nn.Module):
        def __init__(self):
            super().__init__()
            b = leaky(torchvision.models.shufflenet_v2_x1_0(weights=None))
            self.stem = nn.Sequential(b.conv1, b.maxpool)
            self.stages = nn.ModuleList([b.stage2, b.stage3, b.stage4])
            self.lateral = nn.ModuleList([nn.Sequential(*layer(c, channels, 1)) for c in levels])
            self.towers = nn.ModuleList([nn.Sequential(*(part for _ in range(2) for part in
                                                         layer(channels, channels, 3, channels) + layer(channels, channels, 1))) for _ in levels])
            self.heads = nn.ModuleList([nn.Conv2d(channels, classes + 4 * numbers, 1) for _ in levels])

        def forward(self, x):
            x, p = self.stem(x), []
            for stage, lateral in zip(self.stages, self.lateral):
                x = stage(x)
                p.append(lateral(x))
            for i in (1, 0):  # from the top down, then up again
                p[i] = p[i] + resized(p[i + 1], p[i])
            for i in (1, 2):
                p[i] = p[i] + resized(p[i - 1], p[i])
            rows = []
            for level, tower, head in zip(p, self.towers, self.heads):
                y = head(tower(level))
                y = torch.cat([y[:, :classes].sigmoid(), y[:, classes:]], 1)
                rows.append(y.flatten(2))
            return torch.cat(rows, 2).permute(0, 2, 1)

    return NanoDet()


def unet():
    """U-Net after Ronneberger et al., padded, so that its output has the input's size."""
    nn = torch.nn

    def block(i, o):
        return nn.Sequential(*(part for c in (i, o) for part in (nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())))

    class UNet(nn.Module):
        def __init__(self, top=64, levels=4, classes=4):
            super().__init__()
            widths = [top << i for i in range(levels + 1)]
            self.down = nn.ModuleList([block(i, o) for i, o in zip([3] + widths, widths)])
            self.up = nn.ModuleList([nn.ConvTranspose2d(c, c // 2, 2, 2) for c in reversed(widths[1:])])
            self.join = nn.ModuleList([block(c, c // 2) for c in reversed(widths[1:])])
            self.head = nn.Conv2d(top, classes, 1)

        def forward(self, x):
            kept = []
            for i, layer in enumerate(self.down):
                x = layer(nn.functional.max_pool2d(x, 2) if i else x)
                kept.append(x)
            kept.pop()
            for up, join in zip(self.up, self.join):
                x = join(torch.cat([kept.pop(), up(x)], 1))
            return self.head(x).softmax(1)

    return UNet()


def resnet1d():
    """Residual network over a series, after the usual ones for electrocardiograms."""
    nn = torch.nn

    def layer(i, o, kernel, stride=1):
        return [nn.Conv1d(i, o, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(o)]

    class Block(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.way = nn.Sequential(*layer(i, o, 7, stride), nn.ReLU(), *layer(o, o, 7))
            self.short = nn.Sequential(*layer(i, o, 1, stride)) if stride > 1 or i != o else nn.Identity()

        def forward(self, x):
            return (self.way(x) + self.short(x)).relu()

    blocks, i = [], 64
    for o, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        blocks.append(Block(i, o, stride))
        i = o
    return nn.Sequential(*layer(12, 64, 15, 2), nn.ReLU(), nn.MaxPool1d(3, 2, 1), *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(512, 5))


def network(name):
    arguments, size = (NETS | MORE)[name]
    torch.manual_seed(2026)
    if own := ({"nanodet_m": nanodet, "unet": unet, "resnet1d": resnet1d} | unseen_networks.make(torch)).get(name):
        net = own()
    else:
        net = getattr(torchvision.models, name, None) or getattr(torchvision.models.detection, name)
        net = net(weights=None, **arguments)
    if name.startswith("ssd"):
        net = heads(net)
    normalized = False
    for m in net.modules():
        if isinstance(m, (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                torch.nn.init.normal_(m.bias, std=0.01)
        if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            normalized = True
            m.momentum = None  # plain average over the pass below
            torch.nn.init.uniform_(m.weight, 0.5, 1.5)
            torch.nn.init.normal_(m.bias, std=0.1)
    rng = np.random.default_rng(2026)
    if normalized:
        net.train()
        with torch.no_grad():
            net(pictures(rng, 16, size))
    return net.eval(), pictures(rng, 1, size)


def size_of(path):
    """The height and width that a model's own file gives, none if it has no such file or the file does not say."""
    own = os.path.splitext(path)[0] + ".krypton.yaml"
    if not os.path.exists(own):
        return None
    with open(own) as f:
        found = re.search(r"^size:\s*\[\s*(\d+)\s*,\s*(\d+)\s*\]", f.read(), re.M)
    return found and (int(found[1]), int(found[2]))


def open_batch(path, size, to):
    """Copy a trained model with its batch size open, so that a peer can batch, and everything else of its input fixed."""
    model = onnx.load(path)
    constants = {i.name for i in model.graph.initializer}
    for v in list(model.graph.input) + list(model.graph.output):
        dims = v.type.tensor_type.shape.dim
        if v.name not in constants and len(dims) > 0 and dims[0].dim_value <= 1:
            dims[0].dim_param = "batch"
    for v in model.graph.input:
        dims = v.type.tensor_type.shape.dim
        if v.name in constants or len(dims) != 4:
            continue
        last = dims[3].dim_value in (1, 3)  # channels
        for dim, n in zip(dims[1:3] if last else dims[2:4], size or (0, 0)):
            if dim.dim_value == 0 and n > 0:
                dim.dim_value = n
        if any(d.dim_value == 0 for d in dims[1:]):
            sys.exit(f"export_models.py: {path}: input {v.name} leaves its size open: say {os.path.basename(path)}=HxW")
    onnx.save(model, to)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out, trained, rest, names = sys.argv[1], {}, sys.argv[2:], list(NETS)
    if rest[:1] == ["--only"]:
        names, rest = rest[1].split(",") if len(rest) > 1 else [], rest[2:]
        unknown = [n for n in names if n not in NETS | MORE]
        if unknown or not names:
            sys.exit(f"export_models.py: --only: no network {', '.join(unknown)}; there are {', '.join(NETS | MORE)}")
    elif rest[:1] == ["--unseen"]:
        names, rest = list(unseen_networks.SIZES), rest[1:]
    for given in rest:
        path, _, size = given.partition("=")
        if not os.path.exists(path):
            sys.exit(f"export_models.py: {path} does not exist")
        if size and not re.fullmatch(r"\d+x\d+", size):
            sys.exit(f"export_models.py: {given}: want FILE.onnx=HxW")
        trained[path] = tuple(map(int, size.split("x"))) if size else size_of(path)
    os.makedirs(out, exist_ok=True)

    def write(name, how):
        path = os.path.join(out, name + ".onnx")
        if not os.path.exists(path):
            need()
            print("making " + path, flush=True)
            how(path + ".part")
            os.replace(path + ".part", path)

    for path, size in trained.items():
        write(os.path.splitext(os.path.basename(path))[0], lambda to: open_batch(path, size, to))
    for name in names:
        if name.startswith("squeezenet") and any(os.path.basename(p).startswith("squeezenet") for p in trained):
            continue

        def export(to):
            net, x = network(name)
            torch.onnx.export(net, x, to, opset_version=OPSET, input_names=["input"], output_names=["logits"],
                              dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})

        write(name, export)


main()
