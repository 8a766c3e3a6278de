"""A node of OpenSearch or Elasticsearch in a Java of its own: their own classes, without what guards them."""

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import httpx

from tests.sharing import free_port
from tests.systems import FOLDER, running

Request = tuple[str, str, dict[str, Any] | None]
PLUGINS = ("transport.Netty4Plugin", "index.mapper.MapperExtrasPlugin", "join.ParentJoinPlugin")
HEAP = "256m"
ORDERS: dict[str, Any] = {
    "_meta": {"description": "Orders of the shop."},
    "properties": {
        "id": {"type": "long"},
        "note": {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": 256}}},
        "customer": {"properties": {"name": {"type": "text"}, "born": {"type": "date"}}},
        "lines": {
            "type": "nested",
            "properties": {"sku": {"type": "keyword"}, "price": {"type": "scaled_float", "scaling_factor": 100}},
        },
        "remark": {"type": "alias", "path": "note"},
        "buyer": {"type": "alias", "path": "customer.name"},
        "a > ::b": {"type": "keyword"},
    },
}
TYPES: dict[str, Any] = {
    "byte": {"type": "byte"}, "flag": {"type": "boolean"}, "raw": {"type": "binary"}, "moment": {"type": "date_nanos"},
    "host": {"type": "ip"}, "hosts": {"type": "ip_range"}, "years": {"type": "integer_range"},
    "words": {"type": "token_count", "analyzer": "standard"}, "title": {"type": "search_as_you_type"},
    "suggestion": {"type": "completion"}, "place": {"type": "geo_point"},
    "query": {"type": "percolator"}, "rank": {"type": "rank_feature"}, "ranks": {"type": "rank_features"},
    "family": {"type": "join", "relations": {"question": "answer"}}, "ratio": {"type": "half_float"},
    "unread": {"type": "object", "enabled": False},
}  # fmt: skip
MONEY = {"price": {"type": "double"}, "total": {"properties": {"net": {"type": "long"}, "tax": {"type": "long"}}}}
SALES = {"total": {"properties": {"tax": {"type": "double"}}}, "sku": {"type": "keyword"}}
CONTENT: tuple[Request, ...] = (
    ("PUT", "/orders", {"settings": {"number_of_shards": 2}, "aliases": {"sold": {}, "all": {}}, "mappings": ORDERS}),
    ("PUT", "/a.b-gr%C3%B6%C3%9Fe", {"mappings": {"properties": {"x": {"type": "keyword"}}}}),
    ("PUT", "/empty", {}),
    ("PUT", "/closed", {"mappings": {"properties": {"x": {"type": "short"}}}}),
    ("POST", "/closed/_close", None),
    ("PUT", "/.internal", {}),
    ("PUT", "/draft", {"settings": {"index.hidden": True}}),
    (
        "PUT",
        "/_component_template/money",
        {"template": {"mappings": {"properties": MONEY}, "settings": {"number_of_shards": 1, "number_of_replicas": 0}}},
    ),
    (
        "PUT",
        "/_index_template/sales",
        {
            "index_patterns": ["sales-*"],
            "composed_of": ["money"],
            "priority": 7,
            "_meta": {"description": "Sales by day."},
            "template": {
                "mappings": {"properties": SALES},
                "settings": {"number_of_shards": 3},
                "aliases": {"sales": {}},
            },
        },
    ),
    ("PUT", "/_index_template/.own", {"index_patterns": [".own-*"]}),
    (
        "PUT",
        "/_template/older",
        {"index_patterns": ["older-*"], "order": 1, "mappings": {"properties": {"x": {"type": "keyword"}}}},
    ),
)
PROGRAM = Template("""
import java.nio.file.Path;
import java.util.List;
import org.$product.common.settings.Settings;
import org.$product.env.Environment;
import org.$product.node.Node;
import org.$product.plugins.Plugin;

public class Serve extends Node {
    Serve(Environment environment, List<Class<? extends Plugin>> plugins) {
        super(environment, plugins, true);
    }

    public static void main(String[] given) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", given[0])
            .put("http.port", given[1])
            .put("transport.port", given[2])
            .put("network.host", "127.0.0.1")
            .put("discovery.type", "single-node")
            .put("cluster.name", "headwater")
            .put("node.name", "node")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .build();
        Serve node = new Serve(new Environment(settings, Path.of(given[0], "config")), List.of($plugins));
        node.start();
        Thread.currentThread().join();
    }
}
""")


def compile_node(product: str, plugins: Sequence[str]) -> None:
    """Make the program that runs a node of an installed product with these plugins."""
    folder = FOLDER / product
    named = ", ".join(f"org.{product}.{name}.class" for name in (*PLUGINS, *plugins))
    source = folder / "Serve.java"
    source.write_text(PROGRAM.substitute(product=product, plugins=named), encoding="utf-8")
    subprocess.run(["javac", "-cp", f"{folder}/lib/*", "-d", folder / "classes", source], check=True)


@contextmanager
def serving(product: str, folder: Path, content: Sequence[Request]) -> Generator[dict[str, Any]]:
    """A node of this process's own that took these requests; see tests.sharing."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    (folder / "config").mkdir(parents=True)
    home = FOLDER / product
    java = ["java", f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:TieredStopAtLevel=1", "-cp", f"{home}/classes:{home}/lib/*"]

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/_cluster/health", timeout=5).is_success
        except httpx.TransportError:
            return False

    with running([*java, "Serve", str(folder), str(port), str(free_port())], folder, ready):
        for method, path, body in (*CONTENT, *content):
            made = httpx.request(method, address + path, json=body, timeout=60)
            assert made.is_success, f"{path}: {made.text}"
        yield {"address": address}
