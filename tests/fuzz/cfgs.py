"""Small Darknet networks that together have every kind of layer; see `CFGS`."""

_NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
_YOLO = """\
[convolutional]
filters=21
size=1
stride=1
pad=1
activation=linear

[yolo]
mask=0,1,2
anchors=4,5, 8,9, 16,15
classes=2
num=3
"""

CFGS = {
    "norms": f"""\
{_NET}
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky

{_YOLO}scale_x_y=1.05
""",
    "layers": f"""\
{_NET}letter_box=1

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=mish

[convolutional]
filters=8
size=3
stride=1
pad=1
groups=2
activation=swish

[shortcut]
from=-2
activation=linear

[maxpool]
size=2
stride=2

[avgpool]

[convolutional]
filters=8
size=1
activation=logistic

[scale_channels]
from=-3
activation=linear

[sam]
from=-4

[dropout]
probability=.5

[upsample]
stride=2

[route]
layers=-1,2
groups=2
group_id=1

{_YOLO}
[route]
layers=3

{_YOLO}new_coords=1
""",
    "region": f"""\
{_NET}
[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=relu

[reorg]
stride=2

[convolutional]
filters=14
size=1
activation=linear

[region]
anchors=1,2, 3,4
classes=2
num=2
softmax=1
""",
}
