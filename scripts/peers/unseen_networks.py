"""Networks that Krypton's kernels and rules were not tuned for: what export_models.py
--unseen makes. Some are torchvision's, the others are written here in plain torch, after
their published descriptions.
"""

SIZES = {  # of a picture's side, or the shape of another input
    **dict.fromkeys((
        "alexnet", "convnext_small", "densenet169", "mnasnet1_0", "mobilenet_v3_small", "regnet_x_800mf", "regnet_y_400mf", "resnet34",
        "shufflenet_v2_x1_5", "squeezenet1_0", "swin_t", "wide_resnet50_2",
        "convmixer", "fasternet", "ghostnet", "mobilenetv4", "se_resnext50", "starnet",
    ), 224),
    "efficientnet_b1": 240, "darknet53": 256, "hourglass": 256, "segformer": 256, "crnn": (1, 32, 128), "wavenet": (12, 1000),
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

    return {
        "convmixer": convmixer, "crnn": Crnn, "darknet53": darknet53, "fasternet": fasternet, "ghostnet": ghostnet, "hourglass": hourglass,
        "mobilenetv4": mobilenetv4, "se_resnext50": se_resnext50, "segformer": SegFormer, "starnet": starnet, "wavenet": WaveNet,
    }
