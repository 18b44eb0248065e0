"""A bytecode interpreter with large code: classes, dictionaries, generators, strings, integers. usage: ROUNDS"""
import sys

rounds = int(sys.argv[1])
seed = 42


def random(n):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return (seed >> 8) % n


class Shape:
    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self):
        return self.width * self.height


class Square(Shape):
    def __init__(self, width):
        super().__init__(width, width)

    def area(self):
        return super().area() + 1


def primes(limit):
    sieve = bytearray([1]) * limit
    for i in range(2, limit):
        if sieve[i]:
            yield i
            sieve[i * i :: i] = bytes(len(range(i * i, limit, i)))


total = 0
for _ in range(rounds):
    shapes = [Square(random(9)) if i & 1 else Shape(i, random(7)) for i in range(300)]
    total += sum(shape.area() for shape in shapes)
    words = {}
    for i in range(400):
        word = "k%d" % random(100)
        words[word] = words.get(word, 0) + i
    text = ",".join("%s:%d" % item for item in sorted(words.items()))
    total += sum(int(part.partition(":")[2]) for part in text.split(",")) + len(text.replace("k", "key"))
    total += sum(primes(2000))
    total = (total * 31 + 123456789012345678901234567890 % (total + 7)) % 1000003
print("python", total)
