from workers.supervisor.supervisor import restart_delay_s


def test_the_delay_doubles_from_half_a_second_to_half_a_minute() -> None:
    assert [restart_delay_s(deaths) for deaths in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_program_that_dies_for_days_still_has_a_delay() -> None:
    assert restart_delay_s(100_000) == 30
