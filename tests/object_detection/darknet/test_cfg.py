import pytest

from modules.errors import CfgError
from modules.object_detection.darknet.cfg import Option, parse_cfg

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"


def test_sections_and_options_have_their_line_numbers() -> None:
    net, layers = parse_cfg("# a comment\n[net]\n width = 32 # inline\n\n[ maxpool ]\r\nsize=2\r\n")

    assert (net.kind, net.index, net.line) == ("net", -1, 2)
    assert net.options == {"width": Option("32", 3)}
    assert [(layer.kind, layer.index, layer.line) for layer in layers] == [("maxpool", 0, 5)]


def test_the_first_of_two_equal_options_counts_as_in_darknet() -> None:
    net, _ = parse_cfg("[net]\nwidth=1\nwidth=2\n[maxpool]\n")

    assert net.integer("width") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first section must be [net]; found nothing"),
        ("[maxpool]\n", "the first section must be [net]; found [maxpool]"),
        (NET, "there are no layers after [net]"),
        ("width=3\n[net]\n", "line 1: 'width=3' comes before the first section"),
        ("<html>\n", "line 1: '<html>' comes before the first section; is this a Darknet cfg?"),
        (NET + "[max pool\n", "line 5: '[max pool' is not a section like [net]"),
        (NET + "[maxpool]\nsize\n", "section 0 [maxpool], line 6: 'size' is not of the form"),
        (NET + "[maxpool]\nsize=\n", "section 0 [maxpool], line 6: 'size=' is not of the form"),
        (NET + "[maxpool]\n=2\n", "section 0 [maxpool], line 6: '=2' is not of the form"),
    ],
)
def test_a_malformed_cfg_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CfgError) as error:
        parse_cfg(text)

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("two", "[net], line 2: width: 'two' is not a number"),
        ("nan", "[net], line 2: width: 'nan' is not a finite number"),
        ("2.5", "[net], line 2: width: '2.5' is not a whole number"),
        ("0", "[net], line 2: width=0 is too small; the minimum is 1"),
        ("3e9", "[net], line 2: width: '3e9' does not fit into Darknet's 32-bit integers"),
    ],
)
def test_a_value_that_is_not_a_whole_number_in_bounds_is_refused(value: str, message: str) -> None:
    net, _ = parse_cfg(f"[net]\nwidth={value}\n[maxpool]\n")

    with pytest.raises(CfgError) as error:
        net.integer("width", least=1)

    assert str(error.value) == message


def test_lists_may_contain_spaces_and_end_with_a_comma() -> None:
    net, _ = parse_cfg("[net]\nanchors = 1,2,  3.5,4,\n[maxpool]\n")

    assert net.numbers("anchors") == (1, 2, 3.5, 4)
