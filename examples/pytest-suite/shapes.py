"""What the suite tests: a few functions, as small as an example should be."""


def area(width, height):
    if width < 0 or height < 0:
        raise ValueError("sides are not negative")
    return width * height


def slug(text):
    words = "".join(c.lower() if c.isalnum() else " " for c in text).split()
    return "-".join(words)


def primes(limit):
    found = []
    for number in range(2, limit):
        if all(number % prime for prime in found):
            found.append(number)
    return found
