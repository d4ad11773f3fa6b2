"""Tornado's side of the comparison. Arguments: port, directory of templates, directory of files."""

import asyncio
import json
import sys

import tornado.httpserver
import tornado.netutil
import tornado.web

MESSAGES = [
    "One thread serves everybody.",
    "A callback is a promise to be short.",
    "if (a < b && b > c) escape();",
    "Waiting is fine, computing for long is not.",
    '<script src="evil.js">',
    "フレームワークのベンチマーク",
]


class Page(tornado.web.RequestHandler):
    def set_default_headers(self):
        self.set_header("Server", "bench")

    def compute_etag(self):
        return None


class Hello(Page):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.finish("Hello, World!")


class Json(Page):
    def get(self):
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": "Hello, World!"}, separators=(",", ":")))


class Template(Page):
    def get(self):
        rows = [{"id": n, "message": MESSAGES[n % len(MESSAGES)]} for n in range(1, 13)]
        self.render("table.html", title="Twelve rows", rows=rows)


class File(tornado.web.StaticFileHandler):
    def set_default_headers(self):
        self.set_header("Server", "bench")


async def main(port, templates, files):
    application = tornado.web.Application(
        [
            ("/plaintext", Hello),
            ("/json", Json),
            ("/template", Template),
            ("/static/(.*)", File, {"path": files}),
        ],
        template_path=templates,
        template_whitespace="all",
        log_function=lambda handler: None,
    )
    sockets = tornado.netutil.bind_sockets(port, "127.0.0.1")
    tornado.httpserver.HTTPServer(application).add_sockets(sockets)
    host, port = sockets[0].getsockname()[:2]
    print(f"listening on {host}:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
