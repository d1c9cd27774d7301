"""All benchmarks, one table each: `make bench`."""

from bench import parse, start

start.main()
parse.main()
