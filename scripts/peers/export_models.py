#!/usr/bin/env python3
"""Write the networks that `make bench-peers` measures, as ONNX files with an open batch size.

  export_models.py OUTDIR [TRAINED.onnx...]

The networks are torchvision's, with seeded random weights: He-initialised, and
batch-norm statistics set by a pass over seeded noise pictures, so that numbers
stay in a sane range (no overflow, no denormals) and speed is that of a trained
network. Each TRAINED.onnx is copied with its batch size opened; one that begins
with "squeezenet" takes the place of torchvision's SqueezeNet.

Files that are there already are left alone. Needs Debian's python3-torch,
python3-torchvision and python3-onnx (the system's /usr/bin/python3), or the
packages of the same names from elsewhere.
"""
import os
import sys

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
}


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


def network(name):
    arguments, size = NETS[name]
    torch.manual_seed(2026)
    net = getattr(torchvision.models, name, None) or getattr(torchvision.models.detection, name)
    net = net(weights=None, **arguments)
    if name.startswith("ssd"):
        net = heads(net)
    normalized = False
    for m in net.modules():
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            if m.bias is not None:
                torch.nn.init.normal_(m.bias, std=0.01)
        if isinstance(m, torch.nn.BatchNorm2d):
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


def open_batch(path, to):
    """Copy a trained model with its batch size open, so that a peer can batch."""
    model = onnx.load(path)
    constants = {i.name for i in model.graph.initializer}
    for v in list(model.graph.input) + list(model.graph.output):
        dims = v.type.tensor_type.shape.dim
        if v.name not in constants and len(dims) > 0 and dims[0].dim_value == 1:
            dims[0].dim_param = "batch"
    onnx.save(model, to)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out, trained = sys.argv[1], sys.argv[2:]
    os.makedirs(out, exist_ok=True)

    def write(name, how):
        path = os.path.join(out, name + ".onnx")
        if not os.path.exists(path):
            need()
            print("making " + path, flush=True)
            how(path + ".part")
            os.replace(path + ".part", path)

    for path in trained:
        write(os.path.splitext(os.path.basename(path))[0], lambda to: open_batch(path, to))
    for name in NETS:
        if name.startswith("squeezenet") and any(os.path.basename(p).startswith("squeezenet") for p in trained):
            continue

        def export(to):
            net, x = network(name)
            torch.onnx.export(net, x, to, opset_version=OPSET, input_names=["input"], output_names=["logits"],
                              dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})

        write(name, export)


main()
