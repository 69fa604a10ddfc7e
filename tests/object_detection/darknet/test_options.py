import pytest

from modules.errors import CfgError
from modules.object_detection.darknet.cfg import parse_cfg
from modules.object_detection.darknet.options import check_options


def check(section: str) -> None:
    _, layers = parse_cfg(f"[net]\n{section}")
    check_options(layers[0])


@pytest.mark.parametrize(
    "section",
    [
        "[convolutional]\nfilters=1\nstopbackward=800\nlearning_rate=.1\n",
        "[convolutional]\nbinary=0\nantialiasing=0.0\n",
        "[yolo]\nbeta1=0.6\nuc_normalizer=0.07\nanything_else=yes\n",  # Darknet: "Unused field"
        "[yolo]\nembedding_layer=-4\ncounters_per_class=1,2\n",
    ],
)
def test_options_without_effect_at_inference_are_ignored(section: str) -> None:
    check(section)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[convolutional]\nstrid=2\n", "'strid' is not an option of [convolutional]; did you mean"),
        ("[yolo]\nanchor=1,1\n", "'anchor' is not an option of [yolo]; did you mean 'anchors'?"),
        ("[maxpool]\nantialising=1\n", "'antialising' is not an option of [maxpool]; did you mean"),
        ("[convolutional]\nantialiasing=1\n", "line 3: antialiasing=1 is not supported; leave it"),
        ("[convolutional]\nbinary=1\n", "section 0 [convolutional], line 3: binary=1 is not supp"),
        ("[maxpool]\nmaxpool_zero_nonmax=1\n", "maxpool_zero_nonmax=1 is not supported"),
        ("[region]\ncoords=5\n", "coords=5 is not supported"),
        ("[softmax]\ntree=9k.tree\n", "tree=9k.tree is not supported"),
    ],
)
def test_unsupported_options_that_change_the_result_are_refused(section: str, message: str) -> None:
    with pytest.raises(CfgError) as error:
        check(section)

    assert message in str(error.value)
