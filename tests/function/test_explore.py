from tests.function.interleavings import explore, sample


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


def test_a_sample_is_the_same_each_time_and_meets_every_short_list() -> None:
    drawn = [choices[:3] for choices in sample(lambda _: [2, 2, 2], 60)]

    assert drawn == [choices[:3] for choices in sample(lambda _: [2, 2, 2], 60)]
    assert len(set(map(tuple, drawn))) == 8
