"""Networks that Krypton's kernels and rules were not tuned for: what export_models.py
--unseen makes. Some are torchvision's, the others are written here in plain torch, after
their published descriptions.
"""

SIZES = {  # of a picture's side, or the shape of another input
    **dict.fromkeys((
        "alexnet", "convnext_small", "densenet169", "mnasnet1_0", "mobilenet_v3_small", "regnet_x_800mf", "regnet_y_400mf", "resnet34",
        "shufflenet_v2_x1_5", "squeezenet1_0", "swin_t", "wide_resnet50_2",
        "convmixer", "fasternet", "ghostnet", "mobilenetv4", "se_resnext50", "starnet",
        "levit_128s", "maxvit_t", "coatnet_0", "gmlp_ti", "inceptionnext_t",
        "efficientnet_v2_s", "cbam_resnet18", "convnextv2_atto", "edgenext_xs", "hrnet_w18", "lcnet", "mobilenet_v1", "poolformer_s12", "res2net50", "van_b0",
    ), 224),
    "inceptiontime": (12, 1000), "tcn": (12, 1000), "eegnet": (1, 22, 1000), "rtmdet_tiny": 320, "mobilevit_xs": 256, "xception": 299, "yolov8n": 320,
    "tf_mobilenet_v2": (224, 224, 3), "efficientnet_b1": 240, "darknet53": 256, "hourglass": 256, "segformer": 256, "crnn": (1, 32, 128), "wavenet": (12, 1000),
}


def make(torch):
    """The constructors of those that are written here, by name."""
    nn, F = torch.nn, torch.nn.functional

    def layer(i, o, kernel=3, stride=1, groups=1, act=nn.ReLU):
        """A convolution, batch normalization and a function."""
        parts = [nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
        return nn.Sequential(*parts, *([act()] if act else []))

    def head(channels, classes=1000):
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]

    class Residual(nn.Module):
        """What a way makes, plus the input or its projection, perhaps with ReLU behind."""

        def __init__(self, way, short=None, relu=False):
            super().__init__()
            self.way, self.short, self.relu = way, short or nn.Identity(), relu

        def forward(self, x):
            y = self.way(x) + self.short(x)
            return y.relu() if self.relu else y

    class Gate(nn.Module):
        """Squeeze and excitation."""

        def __init__(self, channels, by, function):
            super().__init__()
            self.less, self.more, self.function = nn.Conv2d(channels, channels // by, 1), nn.Conv2d(channels // by, channels, 1), function

        def forward(self, x):
            return x * self.function(self.more(self.less(F.adaptive_avg_pool2d(x, 1)).relu()))

    def se_resnext50():
        parts, i = [layer(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
        for width, out, blocks, first in ((128, 256, 3, 1), (256, 512, 4, 2), (512, 1024, 6, 2), (1024, 2048, 3, 2)):
            for stride in [first] + [1] * (blocks - 1):
                way = nn.Sequential(layer(i, width, 1), layer(width, width, 3, stride, 32), layer(width, out, 1, act=None), Gate(out, 16, torch.sigmoid))
                parts.append(Residual(way, layer(i, out, 1, stride, act=None) if i != out or stride > 1 else None, relu=True))
                i = out
        return nn.Sequential(*parts, *head(i))

    def darknet53():
        def leaky():
            return nn.LeakyReLU(0.1)

        parts, i = [layer(3, 32, act=leaky)], 32
        for out, blocks in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
            parts.append(layer(i, out, 3, 2, act=leaky))
            parts += [Residual(nn.Sequential(layer(out, out // 2, 1, act=leaky), layer(out // 2, out, act=leaky))) for _ in range(blocks)]
            i = out
        return nn.Sequential(*parts, *head(i))

    def convmixer(channels=256, depth=8, kernel=9, patch=7):
        def after(conv):
            return nn.Sequential(conv, nn.GELU(), nn.BatchNorm2d(channels))

        parts = [after(nn.Conv2d(3, channels, patch, patch))]
        for _ in range(depth):
            parts.append(Residual(after(nn.Conv2d(channels, channels, kernel, groups=channels, padding=kernel // 2))))
            parts.append(after(nn.Conv2d(channels, channels, 1)))
        return nn.Sequential(*parts, *head(channels))

    class Ghost(nn.Module):
        """Half of the channels by a pointwise layer, the others from these by a depthwise one."""

        def __init__(self, i, o, act):
            super().__init__()
            self.first, self.cheap = layer(i, o // 2, 1, act=act), layer(o // 2, o // 2, 3, groups=o // 2, act=act)

        def forward(self, x):
            y = self.first(x)
            return torch.cat([y, self.cheap(y)], 1)

    def ghostnet():
        parts, i = [layer(3, 16, 3, 2)], 16
        for kernel, wide, out, gate, stride in (
            (3, 16, 16, 0, 1), (3, 48, 24, 0, 2), (3, 72, 24, 0, 1), (5, 72, 40, 1, 2), (5, 120, 40, 1, 1), (3, 240, 80, 0, 2), (3, 200, 80, 0, 1),
            (3, 184, 80, 0, 1), (3, 184, 80, 0, 1), (3, 480, 112, 1, 1), (3, 672, 112, 1, 1), (5, 672, 160, 1, 2), (5, 960, 160, 0, 1), (5, 960, 160, 1, 1),
        ):
            way = [Ghost(i, wide, nn.ReLU)]
            way += [layer(wide, wide, kernel, stride, wide, act=None)] if stride > 1 else []
            way += [Gate(wide, 4, F.hardsigmoid)] if gate else []
            short = None if i == out and stride == 1 else nn.Sequential(layer(i, i, kernel, stride, i, act=None), layer(i, out, 1, act=None))
            parts.append(Residual(nn.Sequential(*way, Ghost(wide, out, None)), short))
            i = out
        return nn.Sequential(*parts, layer(i, 960, 1), *head(960))

    def mobilenetv4():
        def block(i, o, before, between, stride, by):
            wide = i * by
            way = [layer(i, i, before, 1 if between else stride, i, act=None)] if before else []
            way.append(layer(i, wide, 1))
            way += [layer(wide, wide, between, stride, wide)] if between else []
            way = nn.Sequential(*way, layer(wide, o, 1, act=None))
            return Residual(way) if i == o and stride == 1 else way

        blocks = ((64, 96, 5, 5, 2, 3), *[(96, 96, 0, 3, 1, 2)] * 4, (96, 96, 3, 0, 1, 4), (96, 128, 3, 3, 2, 6), (128, 128, 5, 5, 1, 4),
                  (128, 128, 0, 5, 1, 4), (128, 128, 0, 5, 1, 3), (128, 128, 0, 3, 1, 4), (128, 128, 0, 3, 1, 4))
        parts = [layer(3, 32, 3, 2), layer(32, 32, 3, 2), layer(32, 32, 1), layer(32, 96, 3, 2), layer(96, 64, 1), *[block(*b) for b in blocks]]
        return nn.Sequential(*parts, layer(128, 960, 1), *head(960))

    class Star(nn.Module):
        """Two pointwise layers that are multiplied, between depthwise ones of 7x7."""

        def __init__(self, c):
            super().__init__()
            self.before, self.after = layer(c, c, 7, groups=c, act=None), nn.Conv2d(c, c, 7, padding=3, groups=c)
            self.a, self.b, self.less = nn.Conv2d(c, 4 * c, 1), nn.Conv2d(c, 4 * c, 1), layer(4 * c, c, 1, act=None)

        def forward(self, x):
            y = self.before(x)
            return x + self.after(self.less(F.relu6(self.a(y)) * self.b(y)))

    def starnet():
        parts, i = [layer(3, 32, 3, 2, act=nn.ReLU6)], 32
        for c, blocks in ((24, 2), (48, 2), (96, 8), (192, 3)):
            parts += [layer(i, c, 3, 2, act=None)] + [Star(c) for _ in range(blocks)]
            i = c
        return nn.Sequential(*parts, nn.BatchNorm2d(i), *head(i))

    class Partial(nn.Module):
        """A convolution of a quarter of the channels, then two pointwise layers."""

        def __init__(self, c):
            super().__init__()
            self.some, self.conv = c // 4, nn.Conv2d(c // 4, c // 4, 3, padding=1, bias=False)
            self.rest = nn.Sequential(layer(c, 2 * c, 1), nn.Conv2d(2 * c, c, 1, bias=False))

        def forward(self, x):
            a, b = x.split([self.some, 3 * self.some], 1)
            return x + self.rest(torch.cat([self.conv(a), b], 1))

    def fasternet():
        parts, i = [], 3
        for stride, c, blocks in ((4, 40, 1), (2, 80, 2), (2, 160, 8), (2, 320, 2)):
            parts += [nn.Conv2d(i, c, stride, stride, bias=False), nn.BatchNorm2d(c), *[Partial(c) for _ in range(blocks)]]
            i = c
        return nn.Sequential(*parts, *head(i))

    class Attention(nn.Module):
        """SegFormer's block: attention to a reduced plane, then two linear layers with a depthwise one between."""

        def __init__(self, c, heads, by):
            super().__init__()
            self.heads, self.norm, self.q, self.kv, self.out = heads, nn.LayerNorm(c), nn.Linear(c, c), nn.Linear(c, 2 * c), nn.Linear(c, c)
            self.reduce, self.reduced = (nn.Conv2d(c, c, by, by), nn.LayerNorm(c)) if by > 1 else (None, None)
            self.norm2, self.wide, self.between, self.less = nn.LayerNorm(c), nn.Linear(c, 4 * c), nn.Conv2d(4 * c, 4 * c, 3, padding=1, groups=4 * c), nn.Linear(4 * c, c)

        def forward(self, x):
            c, h, w = (int(v) for v in x.shape[1:])
            t = x.flatten(2).transpose(1, 2)
            y = self.norm(t)
            q = self.q(y).reshape(-1, h * w, self.heads, c // self.heads).transpose(1, 2)
            if self.reduce is not None:
                y = self.reduced(self.reduce(y.transpose(1, 2).reshape(-1, c, h, w)).flatten(2).transpose(1, 2))
            k, v = self.kv(y).reshape(-1, int(y.shape[1]), 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            y = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(-1) @ v
            t = t + self.out(y.transpose(1, 2).reshape(-1, h * w, c))
            y = self.between(self.wide(self.norm2(t)).transpose(1, 2).reshape(-1, 4 * c, h, w))
            t = t + self.less(F.gelu(y.flatten(2).transpose(1, 2)))
            return t.transpose(1, 2).reshape(-1, c, h, w)

    class SegFormer(nn.Module):
        def __init__(self, widths=(32, 64, 160, 256), classes=19):
            super().__init__()
            self.stages, i = nn.ModuleList(), 3
            for k, (c, heads, by) in enumerate(zip(widths, (1, 2, 5, 8), (8, 4, 2, 1))):
                down = nn.Conv2d(i, c, 3, 2, 1) if k else nn.Conv2d(i, c, 7, 4, 3)
                self.stages.append(nn.Sequential(down, Attention(c, heads, by), Attention(c, heads, by)))
                i = c
            self.lateral = nn.ModuleList([nn.Conv2d(c, 128, 1) for c in widths])
            self.head = nn.Sequential(layer(4 * 128, 128, 1), nn.Conv2d(128, classes, 1))

        def forward(self, x):
            levels = []
            for stage, lateral in zip(self.stages, self.lateral):
                x = stage(x)
                levels.append(lateral(x))
            size = [int(v) for v in levels[0].shape[2:]]
            levels[1:] = [F.interpolate(v, size=size, mode="bilinear", align_corners=False) for v in levels[1:]]
            return self.head(torch.cat(levels, 1))

    def hourglass(channels=128):
        def bottleneck(i, o):
            m = o // 2
            way = []
            for a, b, kernel in ((i, m, 1), (m, m, 3), (m, o, 1)):
                way += [nn.BatchNorm2d(a), nn.ReLU(), nn.Conv2d(a, b, kernel, padding=kernel // 2)]
            return Residual(nn.Sequential(*way), nn.Conv2d(i, o, 1) if i != o else None)

        def level(depth):
            inner = level(depth - 1) if depth > 1 else bottleneck(channels, channels)
            way = nn.Sequential(nn.MaxPool2d(2), bottleneck(channels, channels), inner, bottleneck(channels, channels), nn.Upsample(scale_factor=2, mode="nearest"))
            return Residual(way, bottleneck(channels, channels))

        parts = [layer(3, 64, 7, 2), bottleneck(64, channels), nn.MaxPool2d(2), bottleneck(channels, channels), level(4), bottleneck(channels, channels)]
        return nn.Sequential(*parts, layer(channels, channels, 1), nn.Conv2d(channels, 16, 1))

    class Crnn(nn.Module):
        """A reader of lines of text: convolutions, then an LSTM in both directions."""

        def __init__(self):
            super().__init__()
            pool = nn.MaxPool2d
            self.features = nn.Sequential(
                layer(1, 64), pool(2), layer(64, 128), pool(2), layer(128, 256), layer(256, 256), pool((2, 1)),
                layer(256, 512), layer(512, 512), pool((2, 1)), nn.Conv2d(512, 512, 2), nn.ReLU(),
            )
            self.states, self.head = nn.LSTM(512, 256, bidirectional=True), nn.Linear(512, 37)

        def forward(self, x):
            y, _ = self.states(self.features(x).squeeze(2).permute(2, 0, 1))
            return self.head(y).permute(1, 0, 2)

    class WaveNet(nn.Module):
        """Dilated convolutions over a series, tanh times sigmoid, for 12 leads."""

        def __init__(self, c=64, layers=8):
            super().__init__()

            def dilated():
                return nn.ModuleList([nn.Conv1d(c, c, 3, padding=1 << k, dilation=1 << k) for k in range(layers)])

            self.first, self.filters, self.gates = nn.Conv1d(12, c, 1), dilated(), dilated()
            self.mix = nn.ModuleList([nn.Conv1d(c, c, 1) for _ in range(layers)])
            self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(c, 128, 1), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(128, 5))

        def forward(self, x):
            x, all_of = self.first(x), 0
            for f, g, mix in zip(self.filters, self.gates, self.mix):
                y = mix(f(x).tanh() * g(x).sigmoid())
                all_of, x = all_of + y, x + y
            return self.head(all_of)

    class Chunked(nn.Module):
        """YOLOv8's C2f: half of the channels go through bottlenecks, and all that these make is joined."""

        def __init__(self, i, o, blocks, add):
            super().__init__()
            silu, half = nn.SiLU, o // 2
            self.first, self.last = layer(i, o, 1, act=silu), layer((2 + blocks) * half, o, 1, act=silu)
            ways = [nn.Sequential(layer(half, half, act=silu), layer(half, half, act=silu)) for _ in range(blocks)]
            self.blocks = nn.ModuleList([Residual(w) if add else w for w in ways])

        def forward(self, x):
            parts = list(self.first(x).chunk(2, 1))
            for b in self.blocks:
                parts.append(b(parts[-1]))
            return self.last(torch.cat(parts, 1))

    class Pyramid(nn.Module):
        """YOLOv8's SPPF: three maximum pools of 5x5, one behind the other."""

        def __init__(self, c):
            super().__init__()
            self.first, self.last = layer(c, c // 2, 1, act=nn.SiLU), layer(2 * c, c, 1, act=nn.SiLU)

        def forward(self, x):
            parts = [self.first(x)]
            for _ in range(3):
                parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
            return self.last(torch.cat(parts, 1))

    class Yolov8(nn.Module):
        """YOLOv8 n: boxes as distributions over 16 distances a side, 80 classes."""

        def __init__(self):
            super().__init__()
            silu = nn.SiLU
            down = lambda i, o: layer(i, o, 3, 2, act=silu)
            self.stem = nn.Sequential(down(3, 16), down(16, 32), Chunked(32, 32, 1, True), down(32, 64), Chunked(64, 64, 2, True))
            self.mid, self.deep = nn.Sequential(down(64, 128), Chunked(128, 128, 2, True)), nn.Sequential(down(128, 256), Chunked(256, 256, 1, True), Pyramid(256))
            self.up = nn.ModuleList([Chunked(384, 128, 1, False), Chunked(192, 64, 1, False)])
            self.less = nn.ModuleList([down(64, 64), down(128, 128)])
            self.join = nn.ModuleList([Chunked(192, 128, 1, False), Chunked(384, 256, 1, False)])
            self.boxes = nn.ModuleList([nn.Sequential(layer(c, 64, act=silu), layer(64, 64, act=silu), nn.Conv2d(64, 64, 1)) for c in (64, 128, 256)])
            self.classes = nn.ModuleList([nn.Sequential(layer(c, 80, act=silu), layer(80, 80, act=silu), nn.Conv2d(80, 80, 1)) for c in (64, 128, 256)])
            self.sides = nn.Conv2d(16, 1, 1, bias=False)
            places, strides = [], []
            for stride in (8, 16, 32):
                n = 320 // stride
                y, x = torch.meshgrid(torch.arange(n) + 0.5, torch.arange(n) + 0.5, indexing="ij")
                places.append(torch.stack([x, y]).reshape(2, -1))
                strides.append(torch.full((1, n * n), float(stride)))
            self.register_buffer("places", torch.cat(places, 1)[None])
            self.register_buffer("strides", torch.cat(strides, 1)[None])

        def forward(self, x):
            a = self.stem(x)
            b = self.mid(a)
            c = self.deep(b)
            d = self.up[0](torch.cat([F.interpolate(c, scale_factor=2.0), b], 1))
            e = self.up[1](torch.cat([F.interpolate(d, scale_factor=2.0), a], 1))
            f = self.join[0](torch.cat([self.less[0](e), d], 1))
            g = self.join[1](torch.cat([self.less[1](f), c], 1))
            rows = torch.cat([torch.cat([box(v), cls(v)], 1).flatten(2) for v, box, cls in zip((e, f, g), self.boxes, self.classes)], 2)
            box, scores = rows.split((64, 80), 1)
            n = int(box.shape[2])
            away = self.sides(box.view(-1, 4, 16, n).transpose(2, 1).softmax(1)).view(-1, 4, n)
            first, last = away.chunk(2, 1)
            first, last = self.places - first, self.places + last
            return torch.cat([torch.cat([(first + last) / 2, last - first], 1) * self.strides, scores.sigmoid()], 1)

    class Split(nn.Module):
        """Res2Net's middle: parts of the channels, each with what the one before made."""

        def __init__(self, width, parts, stride):
            super().__init__()
            self.width, self.stride = width, stride
            self.convs = nn.ModuleList([layer(width, width, 3, stride) for _ in range(parts - 1)])

        def forward(self, x):
            parts, done = x.split(self.width, 1), []
            for conv, part in zip(self.convs, parts):
                done.append(conv(part + done[-1] if done and self.stride == 1 else part))
            done.append(parts[-1] if self.stride == 1 else F.avg_pool2d(parts[-1], 3, self.stride, 1))
            return torch.cat(done, 1)

    def res2net50():
        parts, i = [layer(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
        for width, out, blocks, first in ((26, 256, 3, 1), (52, 512, 4, 2), (104, 1024, 6, 2), (208, 2048, 3, 2)):
            for stride in [first] + [1] * (blocks - 1):
                way = nn.Sequential(layer(i, 4 * width, 1), Split(width, 4, stride), layer(4 * width, out, 1, act=None))
                parts.append(Residual(way, layer(i, out, 1, stride, act=None) if i != out or stride > 1 else None, relu=True))
                i = out
        return nn.Sequential(*parts, *head(i))

    class Normalized(nn.Module):
        """Layer normalization over the channels of a plane."""

        def __init__(self, c):
            super().__init__()
            self.norm = nn.LayerNorm(c, eps=1e-6)

        def forward(self, x):
            return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    class Response(nn.Module):
        """ConvNeXt v2's block: channels compete by their norms over the whole plane."""

        def __init__(self, c):
            super().__init__()
            self.conv, self.norm, self.wide, self.less = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6), nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
            self.scale, self.shift = nn.Parameter(torch.randn(4 * c) * 0.1), nn.Parameter(torch.randn(4 * c) * 0.1)

        def forward(self, x):
            y = F.gelu(self.wide(self.norm(self.conv(x).permute(0, 2, 3, 1))))
            g = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
            y = self.scale * (y * (g / (g.mean(-1, keepdim=True) + 1e-6))) + self.shift + y
            return x + self.less(y).permute(0, 3, 1, 2)

    def convnextv2_atto():
        parts, i = [nn.Conv2d(3, 40, 4, 4), Normalized(40)], 40
        for c, blocks in ((40, 2), (80, 2), (160, 6), (320, 2)):
            parts += [Normalized(i), nn.Conv2d(i, c, 2, 2)] if c != i else []
            parts += [Response(c) for _ in range(blocks)]
            i = c
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(i), nn.Linear(i, 1000))

    def mobilenet_v1():
        parts, i = [layer(3, 32, 3, 2)], 32
        for o, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
            parts += [layer(i, i, 3, stride, i), layer(i, o, 1)]
            i = o
        return nn.Sequential(*parts, *head(i))

    def lcnet():
        swish, parts, i = nn.Hardswish, [layer(3, 16, 3, 2, act=nn.Hardswish)], 16
        for k, o, stride, gate in ((3, 32, 1, 0), (3, 64, 2, 0), (3, 64, 1, 0), (3, 128, 2, 0), (3, 128, 1, 0), (5, 256, 2, 0), *[(5, 256, 1, 0)] * 5, (5, 512, 2, 1), (5, 512, 1, 1)):
            parts += [layer(i, i, k, stride, i, act=swish)] + ([Gate(i, 4, F.hardsigmoid)] if gate else []) + [layer(i, o, 1, act=swish)]
            i = o
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Conv2d(i, 1280, 1), nn.Hardswish(), nn.Flatten(), nn.Linear(1280, 1000))

    def xception():
        def separable(i, o, first=True):
            return ([nn.ReLU()] if first else []) + [nn.Conv2d(i, i, 3, padding=1, groups=i, bias=False), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o)]

        parts, i = [nn.Conv2d(3, 32, 3, 2, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        for k, o in enumerate((128, 256, 728)):
            parts.append(Residual(nn.Sequential(*separable(i, o, k > 0), *separable(o, o), nn.MaxPool2d(3, 2, 1)), layer(i, o, 1, 2, act=None)))
            i = o
        parts += [Residual(nn.Sequential(*separable(i, i), *separable(i, i), *separable(i, i))) for _ in range(8)]
        parts.append(Residual(nn.Sequential(*separable(728, 728), *separable(728, 1024), nn.MaxPool2d(3, 2, 1)), layer(728, 1024, 1, 2, act=None)))
        return nn.Sequential(*parts, *separable(1024, 1536, False), nn.ReLU(), *separable(1536, 2048, False), nn.ReLU(), *head(2048))

    class Pooled(nn.Module):
        """PoolFormer's block: a mean of 3x3 less the pixel itself, then two pointwise layers, both scaled."""

        def __init__(self, c):
            super().__init__()
            self.norm, self.norm2, self.wide, self.less = nn.GroupNorm(1, c), nn.GroupNorm(1, c), nn.Conv2d(c, 4 * c, 1), nn.Conv2d(4 * c, c, 1)
            self.a, self.b = nn.Parameter(0.1 * torch.ones(c, 1, 1)), nn.Parameter(0.1 * torch.ones(c, 1, 1))

        def forward(self, x):
            y = self.norm(x)
            x = x + self.a * (F.avg_pool2d(y, 3, 1, 1, count_include_pad=False) - y)
            return x + self.b * self.less(F.gelu(self.wide(self.norm2(x))))

    def poolformer_s12():
        parts, i = [nn.Conv2d(3, 64, 7, 4, 2)], 64
        for c, blocks in ((64, 2), (128, 2), (320, 6), (512, 2)):
            parts += ([nn.Conv2d(i, c, 3, 2, 1)] if i != c else []) + [Pooled(c) for _ in range(blocks)]
            i = c
        return nn.Sequential(*parts, nn.GroupNorm(1, i), *head(i))

    class Inception1d(nn.Module):
        """InceptionTime's module: windows of 39, 19 and 9 samples, and a maximum of three."""

        def __init__(self, i, c=32):
            super().__init__()
            self.less = nn.Conv1d(i, c, 1, bias=False)
            self.ways = nn.ModuleList([nn.Conv1d(c, c, k, padding=k // 2, bias=False) for k in (39, 19, 9)])
            self.pooled, self.norm = nn.Conv1d(i, c, 1, bias=False), nn.BatchNorm1d(4 * c)

        def forward(self, x):
            y = self.less(x)
            return self.norm(torch.cat([w(y) for w in self.ways] + [self.pooled(F.max_pool1d(x, 3, 1, 1))], 1)).relu()

    class InceptionTime(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Inception1d(12 if k == 0 else 128) for k in range(6)])
            self.short = nn.ModuleList([nn.Sequential(nn.Conv1d(i, 128, 1, bias=False), nn.BatchNorm1d(128)) for i in (12, 128)])
            self.head = nn.Linear(128, 5)

        def forward(self, x):
            y = x
            for k, b in enumerate(self.blocks):
                y = b(y)
                if k % 3 == 2:
                    y = x = (y + self.short[k // 3](x)).relu()
            return self.head(y.mean(2))

    class Exchanged(nn.Module):
        """HRNet's stage: branches of several sizes, each of which then gets all others."""

        def __init__(self, widths):
            super().__init__()
            n = len(widths)
            block = lambda c: Residual(nn.Sequential(layer(c, c), layer(c, c, act=None)), relu=True)
            self.ways = nn.ModuleList([nn.Sequential(*[block(c) for _ in range(4)]) for c in widths])

            def to(j, i):
                if j > i:
                    return nn.Sequential(layer(widths[j], widths[i], 1, act=None), nn.Upsample(scale_factor=float(1 << (j - i)), mode="nearest"))
                return nn.Sequential(*[layer(widths[j], widths[j if k < i - j - 1 else i], 3, 2, act=nn.ReLU if k < i - j - 1 else None) for k in range(i - j)])

            self.mix = nn.ModuleList([nn.ModuleList([to(j, i) for j in range(n)]) for i in range(n)])

        def forward(self, xs):
            ys = [w(x) for w, x in zip(self.ways, xs)]
            return [sum(m(y) for m, y in zip(row, ys)).relu() for row in self.mix]

    class Hrnet(nn.Module):
        """HRNet-W18 with a head for segments, 19 classes."""

        def __init__(self, widths=(18, 36, 72, 144)):
            super().__init__()
            wide = lambda i: Residual(nn.Sequential(layer(i, 64, 1), layer(64, 64), layer(64, 256, 1, act=None)), layer(i, 256, 1, act=None) if i != 256 else None, relu=True)
            self.stem = nn.Sequential(layer(3, 64, 3, 2), layer(64, 64, 3, 2), wide(64), wide(256), wide(256), wide(256))
            self.begin = nn.ModuleList([layer(256, widths[0]), layer(256, widths[1], 3, 2)])
            self.more = nn.ModuleList([layer(a, b, 3, 2) for a, b in zip(widths[1:], widths[2:])])
            self.stages = nn.ModuleList([nn.ModuleList([Exchanged(widths[: k + 2]) for _ in range(n)]) for k, n in enumerate((1, 4, 3))])
            self.head = nn.Sequential(layer(sum(widths), sum(widths), 1), nn.Conv2d(sum(widths), 19, 1))

        def forward(self, x):
            x = self.stem(x)
            xs = [b(x) for b in self.begin]
            for k, stage in enumerate(self.stages):
                xs = xs + [self.more[k - 1](xs[-1])] if k else xs
                for s in stage:
                    xs = s(xs)
            size = [int(v) for v in xs[0].shape[2:]]
            return self.head(torch.cat([xs[0]] + [F.interpolate(v, size=size, mode="bilinear", align_corners=False) for v in xs[1:]], 1))

    class CrossCovariance(nn.Module):
        """EdgeNeXt's: parts of the channels one behind the other, then attention among channels, then two linear layers."""

        def __init__(self, c, parts, heads):
            super().__init__()
            self.width, self.heads = -(-c // parts), heads
            self.convs = nn.ModuleList([nn.Conv2d(self.width, self.width, 3, padding=1, groups=self.width) for _ in range(parts - 1)])
            self.a, self.b, self.qkv, self.out = nn.LayerNorm(c), nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c)
            self.heat, self.wide, self.less = nn.Parameter(torch.ones(heads, 1, 1)), nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

        def forward(self, x):
            parts, done = x.split(self.width, 1), []
            for conv, part in zip(self.convs, parts):
                done.append(conv(part + done[-1] if done else part))
            y = torch.cat(done + [parts[-1]], 1)
            c, h, w = (int(v) for v in y.shape[1:])
            t = y.flatten(2).transpose(1, 2)
            q, k, v = self.qkv(self.a(t)).reshape(-1, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 4, 1).unbind(0)
            attention = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * self.heat).softmax(-1)
            t = t + self.out((attention @ v).permute(0, 3, 1, 2).reshape(-1, h * w, c))
            y = self.less(F.gelu(self.wide(self.b(t))))
            return x + y.transpose(1, 2).reshape(-1, c, h, w)

    class Encoder(nn.Module):
        """ConvNeXt's block with any window."""

        def __init__(self, c, kernel):
            super().__init__()
            self.conv, self.norm, self.wide, self.less = nn.Conv2d(c, c, kernel, padding=kernel // 2, groups=c), nn.LayerNorm(c, eps=1e-6), nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

        def forward(self, x):
            return x + self.less(F.gelu(self.wide(self.norm(self.conv(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)

    def edgenext_xs():
        parts, i = [nn.Conv2d(3, 32, 4, 4), Normalized(32)], 32
        for k, (c, blocks, kernel) in enumerate(((32, 3, 3), (64, 3, 5), (100, 9, 7), (192, 3, 9))):
            parts += [Normalized(i), nn.Conv2d(i, c, 2, 2)] if k else []
            last = k > 0
            parts += [Encoder(c, kernel) for _ in range(blocks - last)] + ([CrossCovariance(c, (2, 2, 3, 4)[k], 4)] if last else [])
            i = c
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(i), nn.Linear(i, 1000))

    class Unfolded(nn.Module):
        """MobileViT's block: attention among every second pixel of every second row, for all four such sets."""

        def __init__(self, c, wide, blocks):
            super().__init__()
            silu = nn.SiLU
            self.first, self.last, self.join = nn.Sequential(layer(c, c, act=silu), nn.Conv2d(c, wide, 1, bias=False)), layer(wide, c, 1, act=silu), layer(2 * c, c, act=silu)
            self.blocks = nn.ModuleList([nn.ModuleList([nn.LayerNorm(wide), nn.Linear(wide, 3 * wide), nn.Linear(wide, wide), nn.LayerNorm(wide), nn.Linear(wide, 2 * wide), nn.Linear(2 * wide, wide)]) for _ in range(blocks)])
            self.norm = nn.LayerNorm(wide)

        def forward(self, x):
            y = self.first(x)
            c, h, w = (int(v) for v in y.shape[1:])
            t = y.reshape(-1, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 2, 4, 1).reshape(-1, h * w // 4, c)
            for a, qkv, out, b, wide, less in self.blocks:
                q, k, v = qkv(a(t)).reshape(-1, h * w // 4, 3, 4, c // 4).permute(2, 0, 3, 1, 4).unbind(0)
                z = (q * (c // 4) ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v
                t = t + out(z.transpose(1, 2).reshape(-1, h * w // 4, c))
                t = t + less(F.silu(wide(b(t))))
            y = self.norm(t).reshape(-1, 2, 2, h // 2, w // 2, c).permute(0, 5, 3, 1, 4, 2).reshape(-1, c, h, w)
            return self.join(torch.cat([x, self.last(y)], 1))

    def mobilevit_xs():
        def inverted(i, o, stride):
            way = nn.Sequential(layer(i, 4 * i, 1, act=nn.SiLU), layer(4 * i, 4 * i, 3, stride, 4 * i, act=nn.SiLU), layer(4 * i, o, 1, act=None))
            return Residual(way) if i == o and stride == 1 else way

        return nn.Sequential(
            layer(3, 16, 3, 2, act=nn.SiLU), inverted(16, 32, 1), inverted(32, 48, 2), inverted(48, 48, 1), inverted(48, 48, 1),
            inverted(48, 64, 2), Unfolded(64, 96, 2), inverted(64, 80, 2), Unfolded(80, 120, 4), inverted(80, 96, 2), Unfolded(96, 144, 3),
            layer(96, 384, 1, act=nn.SiLU), *head(384))

    class LargeKernel(nn.Module):
        """VAN's block: a gate of a 5x5 and a 7x7 window at every third pixel, then two pointwise layers with a depthwise one."""

        def __init__(self, c, by):
            super().__init__()
            d, p = lambda c, k, **a: nn.Conv2d(c, c, k, groups=c, **a), lambda i, o: nn.Conv2d(i, o, 1)
            self.a, self.b = nn.BatchNorm2d(c), nn.BatchNorm2d(c)
            self.first, self.last, self.far = p(c, c), p(c, c), nn.Sequential(d(c, 5, padding=2), d(c, 7, padding=9, dilation=3), p(c, c))
            self.wide = nn.Sequential(p(c, by * c), d(by * c, 3, padding=1), nn.GELU(), p(by * c, c))
            self.scales = nn.ParameterList([nn.Parameter(0.01 * torch.ones(c, 1, 1)) for _ in range(2)])

        def forward(self, x):
            y = F.gelu(self.first(self.a(x)))
            x = x + self.scales[0] * self.last(y * self.far(y))
            return x + self.scales[1] * self.wide(self.b(x))

    def van_b0():
        parts, i = [], 3
        for k, (c, blocks, by) in enumerate(((32, 3, 8), (64, 3, 8), (160, 5, 4), (256, 2, 4))):
            parts += [nn.Conv2d(i, c, 3 if k else 7, 2 if k else 4, 1 if k else 3), nn.BatchNorm2d(c)] + [LargeKernel(c, by) for _ in range(blocks)]
            i = c
        return nn.Sequential(*parts, *head(i))

    class Attentive(nn.Module):
        """ECA and CBAM: a gate of channels by a window over them, and one of pixels by a 7x7 layer of mean and maximum."""

        def __init__(self):
            super().__init__()
            self.over, self.at = nn.Conv1d(1, 1, 3, padding=1, bias=False), nn.Conv2d(2, 1, 7, padding=3, bias=False)

        def forward(self, x):
            g = self.over(F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1).sigmoid()
            x = x * g
            return x * self.at(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()

    def cbam_resnet18():
        parts, i = [layer(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
        for o, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
            for stride in (first, 1):
                parts.append(Residual(nn.Sequential(layer(i, o, 3, stride), layer(o, o, act=None), Attentive()), layer(i, o, 1, stride, act=None) if i != o else None, relu=True))
                i = o
        return nn.Sequential(*parts, *head(i))

    class Banded(nn.Module):
        """InceptionNeXt's block: a square and two long windows over an eighth of the channels each, then two pointwise layers."""

        def __init__(self, c):
            super().__init__()
            g = c // 8
            self.parts = (c - 3 * g, g, g, g)
            self.ways = nn.ModuleList([nn.Conv2d(g, g, k, padding=[n // 2 for n in k], groups=g) for k in ((3, 3), (1, 11), (11, 1))])
            self.wide = nn.Sequential(nn.BatchNorm2d(c), nn.Conv2d(c, 4 * c, 1), nn.GELU(), nn.Conv2d(4 * c, c, 1))
            self.scale = nn.Parameter(0.1 * torch.ones(c, 1, 1))

        def forward(self, x):
            rest, *others = x.split(self.parts, 1)
            return x + self.scale * self.wide(torch.cat([rest] + [w(y) for w, y in zip(self.ways, others)], 1))

    def inceptionnext_t():
        parts, i = [nn.Conv2d(3, 96, 4, 4), nn.BatchNorm2d(96)], 96
        for c, blocks in ((96, 3), (192, 3), (384, 9), (768, 3)):
            parts += [nn.BatchNorm2d(i), nn.Conv2d(i, c, 2, 2)] if c != i else []
            parts += [Banded(c) for _ in range(blocks)]
            i = c
        return nn.Sequential(*parts, *head(i))

    class SpatialGate(nn.Module):
        """gMLP's block: half of the channels are multiplied by a linear layer over all tokens of the other half."""

        def __init__(self, c, tokens):
            super().__init__()
            self.norm, self.first, self.last = nn.LayerNorm(c), nn.Linear(c, 6 * c), nn.Linear(3 * c, c)
            self.inner, self.over = nn.LayerNorm(3 * c), nn.Linear(tokens, tokens)

        def forward(self, x):
            u, v = F.gelu(self.first(self.norm(x))).chunk(2, -1)
            return x + self.last(u * self.over(self.inner(v).transpose(1, 2)).transpose(1, 2))

    class GMLP(nn.Module):
        def __init__(self, c=128, blocks=12):
            super().__init__()
            self.patches = nn.Conv2d(3, c, 16, 16)
            self.blocks = nn.Sequential(*[SpatialGate(c, 196) for _ in range(blocks)], nn.LayerNorm(c))
            self.head = nn.Linear(c, 1000)

        def forward(self, x):
            return self.head(self.blocks(self.patches(x).flatten(2).transpose(1, 2)).mean(1))

    class RelativeAttention(nn.Module):
        """CoAtNet's attention over a plane of one size, with a bias for each pair of pixels, and the pointwise layers behind."""

        def __init__(self, i, o, size, down):
            super().__init__()
            self.heads, self.size = o // 32, size
            self.norm, self.qkv, self.proj = nn.LayerNorm(i), nn.Linear(i, 3 * o), nn.Linear(o, o)
            self.bias = nn.Parameter(torch.randn(self.heads, size * size, size * size))
            self.pool = nn.MaxPool2d(3, 2, 1) if down else nn.Identity()
            self.short = nn.Conv2d(i, o, 1) if i != o else nn.Identity()
            self.wide = nn.Sequential(nn.LayerNorm(o), nn.Linear(o, 4 * o), nn.GELU(), nn.Linear(4 * o, o))

        def forward(self, x):
            tokens = self.size * self.size
            y = self.pool(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
            q, k, v = self.qkv(y).reshape(-1, tokens, 3, self.heads, 32).permute(2, 0, 3, 1, 4).unbind(0)
            y = (q * 32**-0.5 @ k.transpose(-1, -2) + self.bias).softmax(-1) @ v
            y = self.short(self.pool(x)).flatten(2).transpose(1, 2) + self.proj(y.transpose(1, 2).reshape(-1, tokens, 32 * self.heads))
            return (y + self.wide(y)).transpose(1, 2).reshape(-1, 32 * self.heads, self.size, self.size)

    def coatnet_0():
        gelu, parts, i = nn.GELU, [layer(3, 64, 3, 2, act=nn.GELU), nn.Conv2d(64, 64, 3, padding=1)], 64
        for o, blocks in ((96, 2), (192, 3)):
            for k in range(blocks):
                way = nn.Sequential(
                    nn.BatchNorm2d(i), layer(i, 4 * o, 1, 1 if k else 2, act=gelu), layer(4 * o, 4 * o, 3, groups=4 * o, act=gelu),
                    Gate(4 * o, 4, torch.sigmoid), nn.Conv2d(4 * o, o, 1))
                parts.append(Residual(way, None if k else nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(i, o, 1))))
                i = o
        for o, blocks, size in ((384, 3, 14), (768, 2, 7)):
            for k in range(blocks):
                parts.append(RelativeAttention(i, o, size, k == 0))
                i = o
        return nn.Sequential(*parts, *head(i))

    class Causal(nn.Module):
        """A TCN's block: two dilated convolutions that see no later sample, by padding and cutting off what is too much."""

        def __init__(self, i, o, dilation):
            super().__init__()
            self.over = 4 * dilation
            self.ways = nn.ModuleList([nn.Conv1d(n, o, 5, padding=self.over, dilation=dilation) for n in (i, o)])
            self.short = nn.Conv1d(i, o, 1) if i != o else nn.Identity()

        def forward(self, x):
            y = x
            for way in self.ways:
                y = way(y)[:, :, : -self.over].relu()
            return (y + self.short(x)).relu()

    class TCN(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks, self.head = nn.Sequential(*[Causal(64 if k else 12, 64, 1 << k) for k in range(7)]), nn.Linear(64, 5)

        def forward(self, x):
            return self.head(self.blocks(x)[:, :, -1])

    def eegnet():
        return nn.Sequential(
            nn.Conv2d(1, 16, (1, 64), padding=(0, 32), bias=False), nn.BatchNorm2d(16), nn.Conv2d(16, 32, (22, 1), groups=16, bias=False), nn.BatchNorm2d(32), nn.ELU(),
            nn.AvgPool2d((1, 4)), nn.Conv2d(32, 32, (1, 16), padding=(0, 8), groups=32, bias=False), nn.Conv2d(32, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ELU(),
            nn.AvgPool2d((1, 8)), nn.Flatten(), nn.Linear(32 * 31, 4))

    class Crossing(nn.Module):
        """RTMDet's CSP layer: half of the channels go through blocks with a 5x5 depthwise layer."""

        def __init__(self, i, o, blocks, add=True):
            super().__init__()
            silu, half = nn.SiLU, o // 2
            ways = [nn.Sequential(layer(half, half, act=silu), layer(half, half, 5, groups=half, act=silu), layer(half, half, 1, act=silu)) for _ in range(blocks)]
            self.way, self.side = nn.Sequential(layer(i, half, 1, act=silu), *[Residual(w) if add else w for w in ways]), layer(i, half, 1, act=silu)
            self.gate, self.last = Gate(o, 4, F.hardsigmoid), layer(o, o, 1, act=silu)

        def forward(self, x):
            return self.last(self.gate(torch.cat([self.way(x), self.side(x)], 1)))

    class RtmDet(nn.Module):
        """A light detector after RTMDet: features of three sizes, mixed upwards and downwards; boxes and scores of each."""

        def __init__(self, w=(24, 48, 96, 192, 384), classes=80):
            super().__init__()
            silu = nn.SiLU
            self.stem = nn.Sequential(layer(3, 12, 3, 2, act=silu), layer(12, w[0], act=silu), layer(w[0], w[1], 3, 2, act=silu), Crossing(w[1], w[1], 1))
            self.down = nn.ModuleList([nn.Sequential(layer(i, o, 3, 2, act=silu), Crossing(o, o, 1)) for i, o in zip(w[1:], w[2:])])
            self.less = nn.ModuleList([layer(w[k + 1], w[k], 1, act=silu) for k in (3, 2)])
            self.up = nn.ModuleList([Crossing(2 * w[k], w[k], 1, False) for k in (3, 2)])
            self.strided = nn.ModuleList([layer(w[k], w[k], 3, 2, act=silu) for k in (2, 3)])
            self.back = nn.ModuleList([Crossing(2 * w[k], w[k + 1], 1, False) for k in (2, 3)])
            self.same = nn.ModuleList([layer(c, w[2], act=silu) for c in w[2:]])
            self.scores, self.boxes = [nn.ModuleList([nn.Sequential(layer(w[2], w[2], act=silu), nn.Conv2d(w[2], n, 1)) for _ in range(3)]) for n in (classes, 4)]

        def forward(self, x):
            a = self.down[0](self.stem(x))
            b = self.down[1](a)
            c = self.less[0](self.down[2](b))
            b = self.less[1](self.up[0](torch.cat([F.interpolate(c, scale_factor=2.0), b], 1)))
            a = self.up[1](torch.cat([F.interpolate(b, scale_factor=2.0), a], 1))
            b = self.back[0](torch.cat([self.strided[0](a), b], 1))
            c = self.back[1](torch.cat([self.strided[1](b), c], 1))
            levels = [same(y) for same, y in zip(self.same, (a, b, c))]
            return torch.cat([torch.cat([box(y), score(y).sigmoid()], 1).flatten(2) for score, box, y in zip(self.scores, self.boxes, levels)], 2)

    class Tokens(nn.Module):
        """A linear layer of LeViT: the batch normalization behind it is over all tokens."""

        def __init__(self, i, o):
            super().__init__()
            self.layer, self.norm = nn.Linear(i, o, bias=False), nn.BatchNorm1d(o)

        def forward(self, x):
            y = self.layer(x)
            return self.norm(y.flatten(0, 1)).reshape_as(y)

    class Levit(nn.Module):
        """LeViT's attention with a bias for each pair of tokens; with a step only every second pixel asks."""

        def __init__(self, i, o, heads, ratio, size, step=1):
            super().__init__()
            self.heads, self.wide, self.size, self.step, self.asking = heads, 16 * ratio, size, step, ((size - 1) // step + 1) ** 2
            self.kv, self.q, self.last = Tokens(i, heads * (16 + self.wide)), Tokens(i, heads * 16), Tokens(heads * self.wide, o)
            self.bias = nn.Parameter(torch.randn(heads, self.asking, size * size))

        def forward(self, x):
            b, tokens, c = x.shape
            k, v = self.kv(x).reshape(b, tokens, self.heads, -1).split([16, self.wide], 3)
            if self.step > 1:
                x = x.reshape(b, self.size, self.size, c)[:, :: self.step, :: self.step].reshape(b, -1, c)
            q = self.q(x).reshape(b, self.asking, self.heads, 16).transpose(1, 2)
            y = (q @ k.permute(0, 2, 3, 1) * 0.25 + self.bias).softmax(-1) @ v.transpose(1, 2)
            return self.last(F.hardswish(y.transpose(1, 2).reshape(b, self.asking, self.heads * self.wide)))

    def levit_128s():
        act, wide = nn.Hardswish, lambda c: Residual(nn.Sequential(Tokens(c, 2 * c), nn.Hardswish(), Tokens(2 * c, c)))
        parts, i = [layer(3, 16, 3, 2, act=act), layer(16, 32, 3, 2, act=act), layer(32, 64, 3, 2, act=act), layer(64, 128, 3, 2, act=None), nn.Flatten(2), Transposed()], 128
        for c, blocks, heads, size, before in ((128, 2, 4, 14, 0), (256, 3, 6, 7, 14), (384, 4, 8, 4, 7)):
            if before:
                parts += [Levit(i, c, i // 16, 4, before, 2), wide(c)]
            for _ in range(blocks):
                parts += [Residual(Levit(c, c, heads, 2, size)), wide(c)]
            i = c
        return nn.Sequential(*parts, Transposed(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.BatchNorm1d(i), nn.Linear(i, 1000))

    class Transposed(nn.Module):
        def forward(self, x):
            return x.transpose(1, 2)

    class Between(nn.Module):
        """A convolution as TensorFlow's exporters write it where channels are last: between transposes, zeros before them, the normalization behind as a product and a sum."""

        def __init__(self, i, o, kernel, stride=1, groups=1, act=True):
            super().__init__()
            self.conv, self.act, self.pad = nn.Conv2d(i, o, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False), act, stride > 1
            self.scale, self.shift = nn.Parameter(1 + 0.1 * torch.randn(o)), nn.Parameter(0.1 * torch.randn(o))

        def forward(self, x):
            if self.pad:
                x = F.pad(x, (0, 0, 0, 1, 0, 1))
            y = self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) * self.scale + self.shift
            return F.relu6(y) if self.act else y

    class MeanOfPixels(nn.Module):
        def forward(self, x):
            return x.mean((1, 2))

    def tf_mobilenet_v2():
        parts, i = [Between(3, 32, 3, 2)], 32
        for by, o, blocks, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for stride in [first] + [1] * (blocks - 1):
                way = nn.Sequential(*([Between(i, by * i, 1)] if by > 1 else []), Between(by * i, by * i, 3, stride, by * i), Between(by * i, o, 1, act=False))
                parts.append(Residual(way) if i == o and stride == 1 else way)
                i = o
        return nn.Sequential(*parts, Between(i, 1280, 1), MeanOfPixels(), nn.Linear(1280, 1000))

    return {
        "levit_128s": levit_128s, "tf_mobilenet_v2": tf_mobilenet_v2, "coatnet_0": coatnet_0, "eegnet": eegnet, "gmlp_ti": GMLP, "inceptionnext_t": inceptionnext_t, "rtmdet_tiny": RtmDet, "tcn": TCN,
        "cbam_resnet18": cbam_resnet18, "convnextv2_atto": convnextv2_atto, "edgenext_xs": edgenext_xs, "hrnet_w18": Hrnet, "inceptiontime": InceptionTime,
        "lcnet": lcnet, "mobilenet_v1": mobilenet_v1, "mobilevit_xs": mobilevit_xs, "poolformer_s12": poolformer_s12, "res2net50": res2net50, "van_b0": van_b0,
        "xception": xception, "yolov8n": Yolov8,
        "convmixer": convmixer, "crnn": Crnn, "darknet53": darknet53, "fasternet": fasternet, "ghostnet": ghostnet, "hourglass": hourglass,
        "mobilenetv4": mobilenetv4, "se_resnext50": se_resnext50, "segformer": SegFormer, "starnet": starnet, "wavenet": WaveNet,
    }
