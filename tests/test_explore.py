from .interleavings import explore


def test_every_list_of_choices_is_gone_through_once() -> None:
    """A tree of choices: two at first, then three after the second of them."""

    def run(choices: list[int]) -> list[int]:
        return [2, 3] if choices and choices[0] else [2]

    assert [tuple(choices) for choices in map(list, explore(run))] == [
        (0,),
        (1, 0),
        (1, 1),
        (1, 2),
    ]


def test_it_ends_though_an_execution_has_fewer_choices_than_expected() -> None:
    lengths = iter([[3, 3], [2], [3]])

    assert len(list(explore(lambda _: next(lengths, [1])))) <= 4
