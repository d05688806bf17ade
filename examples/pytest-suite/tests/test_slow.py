from shapes import primes


def test_primes():
    found = primes(20_000)
    assert found[:5] == [2, 3, 5, 7, 11]
    assert len(found) == 2262
