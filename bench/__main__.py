"""All benchmarks, one table each: `make bench`."""

from bench import parse, push, receive, start, sync

start.main()
parse.main()
sync.main()
push.main()
receive.main()
