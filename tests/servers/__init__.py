"""Other people's servers, real ones: each in a temporary folder, on free ports, and always stopped.

===============  ============================================================
module           what it starts
===============  ============================================================
``program``      what all of them share: a process, its folder, its log
``certificate``  a self-made certificate for TLS, by openssl
``redis``        one Redis: AOF, maxmemory, ACL, TLS, UNIX socket, databases
``sentinel``     a Redis, its replicas, and the Sentinels that watch them
``cluster``      a Redis Cluster
``database``     what the next three share: one a process, a database for each test
``postgresql``   a PostgreSQL, also where the tests run as root
``mariadb``      a MariaDB
``couchdb``      what the tests take for a CouchDB: PouchDB behind its HTTP
``nginx``        nginx with a given configuration
``network``      a TCP proxy that can be cut, one-way, slow, and healed
===============  ============================================================

Plain subprocesses, for every kind of test::

    with Redis(aof=True) as redis:
        redis.command("SET", "a", "1")

or ``redis = Redis().start()`` and ``self.addCleanup(redis.close)``.  A program that the machine
lacks fails the test with the Debian package that has it, or what to give to npm.
"""
