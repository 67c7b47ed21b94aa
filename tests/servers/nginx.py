"""nginx, the real one, with a given configuration."""

from __future__ import annotations

import subprocess

from tests.servers.program import Program, answers, is_root, program


class Nginx(Program):
    """One nginx that listens on ``ports``.

    ``http`` is what stands inside ``http { … }``, ``main`` what stands beside it; the rest, and where
    nginx keeps its files, is here.
    A whole file of somebody's is given as ``configuration`` instead and used as it is.
    """

    def __init__(self, http: str = "", *, ports: list[int], configuration: str = "", main: str = "") -> None:
        super().__init__()
        self._program = program("nginx", "nginx")
        self.ports = ports
        self.file = self.folder / "nginx.conf"
        self._main = main
        self.file.write_text(configuration or self._whole(http))

    def _whole(self, http: str) -> str:
        folder = self.folder
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "\n".join(f"    {kind}_temp_path {folder}/{kind};" for kind in kinds)
        # Its workers would be nobody, who cannot enter the folder.
        user = "user root;" if is_root() else ""
        return f"""{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
{self._main}
events {{ worker_connections 4096; }}
http {{
{places}
    access_log off;
{http}
}}
"""

    def _words(self, *words: str) -> list[str]:
        files = ["-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.file)]
        return [self._program, *files, *words]

    def command_line(self) -> list[str]:
        """As `Program` says."""
        return self._words()

    def ready(self) -> bool:
        """As `Program` says: every port answers."""
        return all(answers(port) for port in self.ports)

    def check(self) -> str:
        """What ``nginx -t`` says of the configuration; it must be content."""
        told = subprocess.run(self._words("-t"), capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stderr

    def reload(self, http: str = "") -> None:
        """``nginx -s reload``, with another configuration if one is given."""
        if http:
            self.file.write_text(self._whole(http))
        done = subprocess.run(self._words("-s", "reload"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        """As `Program` says, but in order: a master that is killed leaves its workers behind."""
        self.stop()
        super().close()
