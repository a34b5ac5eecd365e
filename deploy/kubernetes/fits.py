"""Checks what schemas cannot: that the parts of the rendered manifests fit together, and with config/.

    fits.py RENDERED.yaml
"""

import sys
from pathlib import Path

import yaml

CONFIG = Path(__file__).resolve().parent.parent.parent / "config"
problems = []


def check(condition, problem):
    if not condition:
        problems.append(problem)


with open(sys.argv[1], encoding="utf-8") as file:
    documents = [d for d in yaml.safe_load_all(file) if d]
of_kind = {}
for document in documents:
    of_kind.setdefault(document["kind"], {})[document["metadata"]["name"]] = document
deployments = of_kind["Deployment"]
pods = {name: d["spec"]["template"] for name, d in deployments.items()}


def selects(selector, labels):
    return all(labels.get(k) == v for k, v in (selector or {}).items())


def selected(selector):
    return [n for n, p in pods.items() if selects(selector, p["metadata"]["labels"])]


# Every deployment: hardened, probed, with a budget; its own pods and no others.
for name, deployment in deployments.items():
    check(selected(deployment["spec"]["selector"]["matchLabels"]) == [name], f"{name}: selects other pods")
    container = pods[name]["spec"]["containers"][0]
    ports = {p["name"] for p in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        check(container[probe]["httpGet"]["port"] in ports, f"{name}: {probe} asks a port that is not there")
    security = container["securityContext"]
    check(security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"], f"{name}: not hardened")
    budgets = of_kind["PodDisruptionBudget"].values()
    check(any(selected(b["spec"]["selector"]["matchLabels"]) == [name] for b in budgets), f"{name}: has no budget")
    for volume in pods[name]["spec"].get("volumes", []):
        reference = volume.get("configMap", {}).get("name")
        check(reference is None or reference in of_kind["ConfigMap"], f"{name}: no ConfigMap {reference}")
    mounted = {m["name"] for m in container.get("volumeMounts", [])}
    check(mounted == {v["name"] for v in pods[name]["spec"].get("volumes", [])}, f"{name}: volumes and mounts differ")

# Every service has pods that have its ports.
for name, service in of_kind["Service"].items():
    behind = selected(service["spec"]["selector"])
    check(behind == [name], f"service {name}: selects {behind}")
    ports = {p["name"] for n in behind for p in pods[n]["spec"]["containers"][0]["ports"]}
    check({p["targetPort"] for p in service["spec"]["ports"]} <= ports, f"service {name}: a port nobody has")

for name, scaler in of_kind["HorizontalPodAutoscaler"].items():
    target = scaler["spec"]["scaleTargetRef"]["name"]
    check(target in deployments, f"autoscaler {name}: no deployment {target}")
    check("replicas" not in deployments.get(target, {}).get("spec", {}), f"{target}: replicas and an autoscaler")

# Whoever a policy lets in or out by label exists, and listens on that port.
for name, policy in of_kind["NetworkPolicy"].items():
    for way, ends, mine in (("ingress", "from", True), ("egress", "to", False)):
        for rule in policy["spec"].get(way, []):
            peers = [p["podSelector"]["matchLabels"] for p in rule.get(ends, []) if "podSelector" in p]
            check(all(selected(p) for p in peers), f"policy {name}: {way} names pods that are not there")
            listening = selected(policy["spec"]["podSelector"].get("matchLabels")) if mine else sum(map(selected, peers), [])
            have = {p["containerPort"] for n in listening for p in pods[n]["spec"]["containers"][0]["ports"]}
            if listening:
                check({p["port"] for p in rule["ports"]} <= have, f"policy {name}: {way} to a port nobody has")

monitor = of_kind["ServiceMonitor"]["weir"]
scraped = [s for s in of_kind["Service"].values() if selects(monitor["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
check(len(scraped) == len(of_kind["Service"]), "the ServiceMonitor misses a service")
for service in scraped:
    ports = {p["name"] for p in service["spec"]["ports"]}
    check(all(e["port"] in ports for e in monitor["spec"]["endpoints"]), f"{service['metadata']['name']}: no port to scrape")

# The gateway puts back every file of config/, with its content.
volume = next(v for v in pods["gateway"]["spec"]["volumes"] if v["name"] == "config")["configMap"]
data = of_kind["ConfigMap"][volume["name"]]["data"]
mounted = {item["path"]: data.get(item["key"]) for item in volume["items"]}
files = {str(p.relative_to(CONFIG)): p.read_text() for p in CONFIG.rglob("*") if p.is_file() and p.name != "kustomization.yaml"}
for path in sorted(mounted.keys() | files.keys()):
    check(mounted.get(path) == files.get(path), f"config/{path}: in config/kustomization.yaml or gateway.yaml it is missing or another")

for problem in problems:
    print(f"deploy/kubernetes: {problem}", file=sys.stderr)
print(f"{len(documents)} documents, {len(problems)} problems")
sys.exit(1 if problems else 0)
