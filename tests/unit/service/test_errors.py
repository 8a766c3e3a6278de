"""What an error says."""

from service.errors import Invalid, NotFound, Problem, ServiceError


def test_an_error_keeps_its_message() -> None:
    error: ServiceError = NotFound("no such run")
    assert error.message == str(error) == "no such run"


def test_problems_are_said_with_their_paths_in_order() -> None:
    error = Invalid([Problem("schedule.cron", "has 4 fields"), Problem("", "is empty")])
    assert str(error) == "schedule.cron: has 4 fields; is empty"


def test_problems_can_be_moved_below_a_path() -> None:
    error = Invalid([Problem("cron", "a"), Problem("", "b")]).under("schedule")
    assert error.problems == (Problem("schedule.cron", "a"), Problem("schedule", "b"))


def test_of_many_problems_the_first_are_told_and_how_many_there_are() -> None:
    error = Invalid(Problem(f"k{number}", "is not known") for number in range(102))
    assert len(error.problems) == 102
    assert [problem.path for problem in error.shown] == [*(f"k{number}" for number in range(100)), ""]
    assert str(error).endswith("; k99: is not known; 2 more problems of this kind or another; mend these first")


def test_one_problem() -> None:
    assert Invalid.at("name", "is taken").problems == (Problem("name", "is taken"),)


def test_no_problem_at_all_still_says_something() -> None:
    assert str(Invalid([])) == "invalid input"
