"""The draws of a fit as plain values and back, checked against the model that they are of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.design.names import TermNames, hyper_name, population_names
from bayesmix.model.centring import sd_variable
from bayesmix.model.options import ENGINE_WORDS
from bayesmix.model.schema import Schema
from bayesmix.posterior.kept import given_others
from bayesmix.storage.archive import Damaged, require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import checked, mapping

if TYPE_CHECKING:
    import xarray as xr

    from bayesmix.model.spec import ModelSpec
    from bayesmix.priors.leaves import Leaf

__all__ = ["plain_tree", "restore_tree"]


_POSITIVE = (0.0, np.inf)
_RANGES = {
    "sd": _POSITIVE,
    "centred_sd": _POSITIVE,
    "lkj": (0.0, 1.0),
    "cor": (-1.01, 1.01),  # correlations of one are rounded
}


def plain_tree(tree: xr.DataTree) -> dict[str, Plain]:
    """Take a tree apart."""
    groups = {}
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False)
        groups[node.path] = {
            "attrs": dataset.attrs,
            "coords": {name: _plain_variable(v) for name, v in dataset.coords.items()},
            "variables": {name: _plain_variable(v) for name, v in dataset.data_vars.items()},
        }
    return {"name": tree.name, "groups": groups}


def _plain_variable(variable: xr.DataArray) -> dict[str, Plain]:
    return {"dims": variable.dims, "data": variable.to_numpy(), "attrs": variable.attrs}


def restore_tree(stored: Plain, spec: ModelSpec) -> xr.DataTree:
    """Put a tree together.

    Parameters
    ----------
    stored : mapping
        From `plain_tree`.
    spec : ModelSpec
        The model that it must be of.

    Raises
    ------
    Damaged
        A variable is missing or has other labels than the model, or what the tables read is none.
    """
    import xarray as xr

    stored = mapping(stored, "idata")
    datasets = {}
    for path, group in mapping(stored.get("groups"), "the groups of idata").items():
        require(path.startswith("/") and ".." not in path, "the groups of idata")
        group = mapping(group, path)
        variables, coords = (
            {
                name: _variable(variable, f"{path}/{name}")
                for name, variable in mapping(group.get(kind), path).items()
            }
            for kind in ("variables", "coords")
        )
        attrs = mapping(group.get("attrs"), f"the attributes of {path}")
        try:
            datasets[path] = xr.Dataset(variables, coords, attrs)
        except Exception as error:
            raise Damaged(f"the variables of {path}") from error
    name = checked(stored.get("name"), str | None, "the name of idata")
    try:
        tree = xr.DataTree.from_dict(datasets, name=name)
    except Exception as error:
        raise Damaged("the groups of idata") from error
    _check_attributes(tree)
    _check_posterior(spec, tree)
    _check_rows(spec, tree)
    return tree


def _variable(stored: Plain, place: str) -> Any:
    stored = mapping(stored, place)
    dims, data = stored.get("dims"), stored.get("data")
    require(isinstance(data, np.ndarray), place)
    dims = checked(dims, tuple[str, ...], f"the dims of {place}")
    require(len(dims) == len(set(dims)) == data.ndim, f"the dims of {place}")
    return dims, data, mapping(stored.get("attrs"), f"the attributes of {place}")


def _check_attributes(tree: xr.DataTree) -> None:
    attrs = tree.attrs
    require(checked(attrs.get("method"), str, "the method") in ENGINE_WORDS, "the method")
    seconds = checked(attrs.get("seconds"), float, "the seconds")
    require(seconds >= 0, "the seconds")
    for name in ("r_hat", "ess"):  # NaN where there is nothing to judge
        require(isinstance(attrs.get(name, np.nan), float), f"the attribute {name}")
    try:
        messages = json.loads(checked(attrs.get("messages"), str, "the messages"))
    except (ValueError, RecursionError) as error:
        raise Damaged("the messages") from error
    checked(messages, list[str], "the messages")


def _check_posterior(spec: ModelSpec, tree: xr.DataTree) -> None:
    require("posterior" in tree.children, "there is no posterior")
    posterior = tree["posterior"].dataset
    sizes = dict(posterior.sizes)
    require(sizes.get("chain", 0) > 0 and sizes.get("draw", 0) > 0, "there are no draws")
    n_draws = {dim: sizes[dim] for dim in ("chain", "draw")}
    for dim in n_draws:
        require(dim in posterior.coords, f"the labels of {dim}s")
    schema = Schema.of(spec)
    dims = {name: one.dims for name, one in schema.variables.items()}
    labels: dict[str, Any] = dict(schema.coords)
    needed: dict[str, tuple[str, ...]] = {name: dims[name] for name in spec.family.auxiliary}
    for joint in spec.design.joint_effects:
        labels |= dict.fromkeys(joint.dims, joint.effects)
        if spec.joint_correlations(joint):
            needed |= {name: dims[name] for name in (joint.names.cor, joint.names.lkj)}
    for design in spec.design.parts:
        beta = population_names(design.predictor).beta
        needed |= {beta: dims[beta]} if design.n_terms else {}
    without = given_others(spec, posterior)
    for part, term in spec.owned_terms:
        needed |= {term.names.sd: dims[term.names.sd]}
        needed |= {sd_variable(part, term): dims[sd_variable(part, term)]}
        summaries = tree.children.get("group_effects")
        u = term.names.u
        if summaries is not None and u in summaries.dataset:
            _check_summaries(summaries.dataset, u, dims[u], labels)
        elif term is not without:
            needed |= {u: dims[u]}
    extra = [(leaf, _variable_of(leaf)) for leaf in spec.priors.leaves]
    needed |= {name: dims[name] for _, name in extra if name is not None}
    for name in needed:
        require(name in posterior, f"there are no draws of {name}")
    for name, own in (dims | needed).items():
        if name in posterior and labels.keys() >= set(own):
            _check_draws(posterior[name], name, {**n_draws, **dict.fromkeys(own)}, labels)
    ranges = {
        getattr(term.names, kind): limits
        for term in spec.design.every_group
        for kind, limits in _RANGES.items()
    }
    for parameter in map(spec.family.parameter, spec.family.auxiliary):
        draws = posterior[parameter.name]
        values = draws.transpose("chain", "draw", *dims[parameter.name]).to_numpy()
        inside = parameter.support.may_hold(values)
        require(inside, f"a draw of {parameter.name} is out of its range")
    ranges |= {name: leaf.support.bounds for leaf, name in extra if name is not None}
    for name, (low, high) in ranges.items():
        if name in posterior:
            values = posterior[name].to_numpy()
            inside = bool((low <= values).all() and (values <= high).all())
            require(inside, f"a draw of {name} is out of its range")
    stats = tree.children.get("sample_stats")
    if stats is not None and "diverging" in stats.dataset:
        diverging = stats.dataset["diverging"]
        require(diverging.dtype.kind in "bi", "what diverged")


def _variable_of(leaf: Leaf) -> str | None:
    """Name what only some priors bring: degrees of freedom and hyperparameters."""
    if leaf.is_hyper:
        return hyper_name(leaf.path)
    return TermNames(leaf.node[1], leaf.predictor).df if leaf.kind == "df" else None


def _check_draws(
    draws: xr.DataArray, name: str, own: dict[str, int | None], labels: dict[str, Any]
) -> None:
    same = set(draws.dims) == own.keys() and draws.dtype.kind == "f"
    require(same, f"the draws of {name} are of another model")
    for dim, size in own.items():
        if size is not None:
            require(draws.sizes[dim] == size, f"the draws of {name} are of another model")
        else:
            known = dim in draws.coords and _same(draws.coords[dim].to_numpy(), labels.get(dim))
            require(known, f"the draws of {name} are of another model")
    require(np.isfinite(draws.to_numpy()).all(), f"a draw of {name} is no number")


def _check_summaries(
    summaries: xr.Dataset, name: str, dims: tuple[str, ...], labels: dict[str, Any]
) -> None:
    values = summaries[name]
    same = set(values.dims) == {"statistic", *dims} and values.dtype.kind == "f"
    require(same and "statistic" in values.coords, f"the summaries of {name}")
    for dim in dims:
        known = dim in values.coords and _same(values.coords[dim].to_numpy(), labels.get(dim))
        require(known, f"the summaries of {name} are of another model")


def _same(found: Any, expected: Any) -> bool:
    return expected is not None and found.astype(str).tolist() == list(map(str, expected))


def _check_rows(spec: ModelSpec, tree: xr.DataTree) -> None:
    for name, group in tree.children.items():
        rows = group.dataset.sizes.get("obs", spec.design.n_rows)
        require(rows == spec.design.n_rows, f"{name} is of other rows")
