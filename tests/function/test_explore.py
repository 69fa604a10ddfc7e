from tests.function.interleavings import explore, sample


def test_every_list_of_choices_is_run_once() -> None:
    """The tree of choices: first two options; after the second option, three more."""

    def run(choices: list[int]) -> list[int]:
        return [2, 3] if choices and choices[0] else [2]

    assert [tuple(choices) for choices in map(list, explore(run))] == [
        (0,),
        (1, 0),
        (1, 1),
        (1, 2),
    ]


def test_exploring_ends_even_if_an_execution_has_fewer_choices_than_expected() -> None:
    lengths = iter([[3, 3], [2], [3]])

    assert len(list(explore(lambda _: next(lengths, [1])))) <= 4


def test_a_sample_is_reproducible_and_covers_every_short_list() -> None:
    drawn = [choices[:3] for choices in sample(lambda _: [2, 2, 2], 60)]

    assert drawn == [choices[:3] for choices in sample(lambda _: [2, 2, 2], 60)]
    assert len(set(map(tuple, drawn))) == 8
