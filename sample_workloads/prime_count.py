"""Count the primes below 1.6 million, block by block, in pure Python and without a `__main__` guard.

expect: function=primes_between bound=cpu-bound detail=python backend=processes workers=1c..2c measured=yes
"""

LIMIT = 1_600_000
BLOCK = 25_000


def is_prime(number):
    if number < 4:
        return number > 1
    if number % 2 == 0 or number % 3 == 0:
        return False
    divisor = 5
    while divisor * divisor <= number:
        if number % divisor == 0 or number % (divisor + 2) == 0:
            return False
        divisor += 6
    return True


def primes_between(low, high):
    return sum(1 for number in range(low, high) if is_prime(number))


count = 0
for low in range(0, LIMIT, BLOCK):
    count += primes_between(low, low + BLOCK)
print(f"{count} primes below {LIMIT}")
