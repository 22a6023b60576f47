"""The door for data frames: any that narwhals reads goes in, the used columns come out as pandas.

A pandas frame is taken as it is. Of any other frame the names of the columns are read first, and
then the columns that a model uses, all at once: a lazy frame is collected once, with these columns
only. narwhals is imported here and nowhere else, and only for a frame that is not pandas'.
"""

from __future__ import annotations

import contextlib
import dataclasses
import decimal
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError, short

__all__ = ["Frame", "joined", "open_frame", "plain_index", "plain_series", "row_values"]

_KNOWN = "pandas, polars, pyarrow, Dask, DuckDB or another one that narwhals reads"
_READERS = {
    ".parquet": "read_parquet",
    ".feather": "read_feather",
    ".xls": "read_excel",
    ".xlsx": "read_excel",
    ".json": "read_json",
    ".dta": "read_stata",
    ".sav": "read_spss",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """The user's data frame: all names, and the columns that were read, as pandas.

    Attributes
    ----------
    header : DataFrame
        Has all names of columns; the user's frame itself where that is pandas'.
    table : DataFrame
        The columns that were read.
    name : str
        What the argument is called that it came as, for the messages.
    """

    header: pd.DataFrame
    table: pd.DataFrame
    name: str
    _source: Any = None

    @property
    def columns(self) -> pd.Index[Any]:
        """Names of all columns, whether they were read or not."""
        return self.header.columns

    @property
    def index(self) -> pd.Index[Any]:
        """Labels of the rows: pandas' own, counted from 0 for other libraries."""
        return self.table.index

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.table)

    def __getitem__(self, key: Any) -> Any:
        """Return columns that were read, or rows of them, as pandas does."""
        return self.table[key]

    def series(self, name: str) -> pd.Series[Any]:
        """Return a column that was read, in plain storage; see `plain_series`."""
        column: Any = self.table[name]
        if isinstance(column, pd.DataFrame):
            raise _repeated_column(name, column.shape[1])
        return plain_series(column)

    def read(self, names: Iterable[str]) -> Frame:
        """Read these columns; names that the frame does not have are left out."""
        if self._source is None:
            return self
        known = set(self.columns)
        wanted = [name for name in dict.fromkeys(names) if name in known]
        for name in wanted:
            if (count := int((self.columns == name).sum())) > 1:
                raise _repeated_column(name, count)
        with _reading(self._source, self.name):
            table = _read(self._source, wanted)
        _check_rows(table, self.name)
        return dataclasses.replace(self, table=table, _source=None)


def open_frame(data: Any, name: str) -> Frame:
    """Look at a data frame without reading its columns.

    Parameters
    ----------
    data : DataFrame or Frame
        pandas, or any other frame that narwhals reads.
    name : str
        What the argument is called, for the messages.

    Returns
    -------
    Frame
        Its columns can be used at once if `data` is pandas', otherwise after `Frame.read`.

    Raises
    ------
    BayesmixError
        `data` is no data frame or has no rows.
    """
    if isinstance(data, Frame):
        return data
    if isinstance(data, pd.DataFrame):
        _check_columns(data, name)
        _check_rows(data, name)
        return Frame(_with_plain_names(data), data, name)
    with _reading(data, name):
        columns = _names(data)
    if columns is None:
        raise _no_frame(data, name)
    return Frame(pd.DataFrame(columns=columns), pd.DataFrame(), name, data)


def row_values(values: Any) -> Any:
    """Turn a column of another library than pandas into a pandas Series; anything else stays."""
    if isinstance(values, pd.Series | pd.Index | np.ndarray | list | tuple | str):
        return values
    import narwhals.stable.v2 as nw

    series = nw.from_native(values, series_only=True, pass_through=True)
    if not isinstance(series, nw.Series):
        return values
    with _reading(values, "The column"):
        return _series(series)


def joined(columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    """Put columns of one index next to each other, out of reach of later changes to them."""
    # Shared until written to since pandas 3.
    is_lazy = int(pd.__version__.partition(".")[0]) >= 3
    return pd.DataFrame(columns, copy=not is_lazy)


def _repeated_column(name: str, count: int) -> BayesmixError:
    """Make the error for a column that is there more than once."""
    return BayesmixError(
        f"The data have {count} columns named '{short(name)}'. Rename or drop all but one: "
        "data.loc[:, ~data.columns.duplicated()]."
    )


# --- pandas -------------------------------------------------------------------------------------


def _check_columns(data: pd.DataFrame, name: str) -> None:
    if isinstance(data.columns, pd.MultiIndex):
        raise BayesmixError(
            f"{name} has columns of {data.columns.nlevels} levels. Make one name of each: "
            f"{name}.columns = {name}.columns.map('_'.join)."
        )


def _check_rows(data: pd.DataFrame, name: str) -> None:
    if not len(data):
        raise BayesmixError(f"{name} has no rows. Check how it was read or filtered.")


def _with_plain_names(data: pd.DataFrame) -> pd.DataFrame:
    """Give a header for names that are dates, periods or intervals, which also match text."""
    is_plain = data.columns.dtype.kind in "biuf" or _is_text_or_object(data.columns)
    return data if is_plain else pd.DataFrame(columns=pd.Index(list(data.columns), dtype=object))


def _is_text_or_object(index: pd.Index[Any]) -> bool:
    return index.dtype == object or isinstance(index.dtype, pd.StringDtype)


def plain_series(values: pd.Series[Any]) -> pd.Series[Any]:
    """Turn storage that is unusual in pandas (pyarrow's, sparse) into the usual one.

    Not-a-number and missing become the same, as they are in columns of NumPy's floats.

    Parameters
    ----------
    values : Series
        Any column; never changed.

    Returns
    -------
    Series
        The same values on the same index.
    """
    dtype: Any = values.dtype
    if pd.api.types.is_object_dtype(dtype):
        return _without_signals(values)
    if isinstance(dtype, np.dtype | pd.StringDtype | pd.DatetimeTZDtype):
        return values
    if isinstance(dtype, pd.CategoricalDtype):
        categories = plain_index(dtype.categories)
        if categories is dtype.categories:
            return values
        array: Any = pd.Categorical.from_codes(values.cat.codes, categories, dtype.ordered)
        return pd.Series(array, index=values.index, name=values.name)
    if isinstance(dtype, pd.SparseDtype):
        return plain_series(pd.Series(np.asarray(values), index=values.index, name=values.name))
    if isinstance(dtype, pd.ArrowDtype):
        return _from_arrow(values)
    if pd.api.types.is_float_dtype(dtype):
        numbers = values.to_numpy(dtype=dtype.numpy_dtype, na_value=np.nan)
        return pd.Series(numbers, index=values.index, name=values.name)
    return values


def _without_signals(values: pd.Series[Any]) -> pd.Series[Any]:
    """Replace signalling NaNs of decimals, which raise when they are looked at."""
    try:
        values.isna()
    except decimal.InvalidOperation:
        is_signal = [isinstance(value, decimal.Decimal) and value.is_snan() for value in values]
        kept = [None if bad else value for bad, value in zip(is_signal, values, strict=True)]
        return pd.Series(kept, index=values.index, name=values.name, dtype=object)
    return values


def plain_index(categories: pd.Index[Any]) -> pd.Index[Any]:
    """Return categories as NumPy and pandas store them, not pyarrow."""
    if not isinstance(categories.dtype, pd.ArrowDtype):
        return categories
    plain: pd.Index[Any] = pd.Index(_from_arrow(categories.to_series()), name=categories.name)
    return plain


def _from_arrow(values: pd.Series[Any]) -> pd.Series[Any]:
    import narwhals.stable.v2 as nw

    chunks: Any = values.array
    plain = _series(nw.from_native(chunks.__arrow_array__(), series_only=True))
    return pd.Series(plain.array, index=values.index, name=values.name)


# --- other libraries ----------------------------------------------------------------------------


def _names(data: Any) -> list[Any] | None:
    """List the names of all columns; None for anything that is no data frame."""
    import narwhals.stable.v2 as nw

    if nw.dependencies.is_dask_dataframe(data):
        return list(data.columns)
    if nw.dependencies.is_pyarrow_table(data):
        return list(data.column_names)
    frame = nw.from_native(data, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        return list(frame.collect_schema().names())
    return list(frame.columns) if isinstance(frame, nw.DataFrame) else None


def _read(data: Any, names: list[str]) -> pd.DataFrame:
    """Bring columns into memory, in one go, as pandas."""
    import narwhals.stable.v2 as nw

    if nw.dependencies.is_dask_dataframe(data):  # narwhals wants another package for it
        table: pd.DataFrame = data[names].compute()
        return table
    if nw.dependencies.is_pyarrow_table(data):
        # narwhals refuses repeated names, those of other columns too.
        data = data.rename_columns(_numbered(data.column_names, names))
    frame: Any = nw.from_native(data)
    if not names:
        counted = frame.select(nw.len())
        counted = counted.collect() if isinstance(counted, nw.LazyFrame) else counted
        return pd.DataFrame(index=pd.RangeIndex(int(counted.item(0, 0))))
    frame = frame.select(names)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if frame.implementation.is_pandas_like():
        table = frame.to_pandas()
        return table
    columns = {name: _series(frame[name]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), copy=False)


def _numbered(columns: list[str], names: list[str]) -> list[str]:
    """Rename all columns but some, so that no name is there twice."""
    free = (f"column {i}" for i in itertools.count() if f"column {i}" not in names)
    return [name if name in names else next(free) for name in columns]


def _series(series: Any) -> pd.Series[Any]:
    """Turn a narwhals Series into the pandas column that says the same.

    Whole numbers and booleans with missing values stay what they are; categories keep their order;
    what pandas has no type for (dates without a time, decimals, bytes, lists) becomes objects.
    """
    import narwhals.stable.v2 as nw

    if series.implementation.is_pandas_like():
        converted: pd.Series[Any] = series.to_pandas()
        return converted
    dtype = series.dtype
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return pd.Series(_categorical(series, dtype))
    if dtype.is_float():
        return pd.Series(series.fill_null(float("nan")).to_numpy())
    if dtype.is_integer() and not isinstance(dtype, nw.Int128 | nw.UInt128):
        return pd.Series(_masked(series, pd.arrays.IntegerArray, 0))
    if dtype == nw.Boolean:
        return pd.Series(_masked(series, pd.arrays.BooleanArray, False))
    if isinstance(dtype, nw.Datetime | nw.Duration):
        return _moments(series, dtype)
    if dtype == nw.String:
        return pd.Series(series.to_list())
    return pd.Series(_objects(series.to_list()))


def _categorical(series: Any, dtype: Any) -> pd.Categorical:
    known = getattr(dtype, "categories", None)
    is_ordered = _is_ordered(series.to_native())
    labels = series.cat.get_categories().to_list() if known is None else known
    categories = pd.Index([label for label in dict.fromkeys(labels) if label is not None])
    return pd.Categorical(series.to_list(), categories=categories, ordered=is_ordered)


def _is_ordered(column: Any) -> bool:
    """Tell whether a dictionary of pyarrow has an order; an Enum of polars is a list of values."""
    return bool(getattr(getattr(column, "type", None), "ordered", False))


def _masked(series: Any, make: Any, fill: int) -> Any:
    absent = series.is_null()
    if not absent.any():
        return series.to_numpy()
    values = np.array(series.fill_null(fill).to_numpy())
    return make(values, np.array(absent.to_numpy(), dtype=np.bool_))


def _moments(series: Any, dtype: Any) -> pd.Series[Any]:
    zone = getattr(dtype, "time_zone", None)
    if zone is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    moments = pd.Series(series.to_numpy())
    return moments if zone is None else moments.dt.tz_localize("UTC").dt.tz_convert(zone)


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # a list of lists would become a matrix
        array[i] = value
    return array


@contextlib.contextmanager
def _reading(data: object, name: str) -> Iterator[None]:
    """Turn what another library raises into an error that names the frame."""
    try:
        yield
    except BayesmixError:
        raise
    except Exception as error:
        reason = short(f"{type(error).__name__}: {error}", 200)
        raise BayesmixError(
            f"{name}, a {_type_name(data)}, could not be read: {reason}. Check that it can be "
            "collected, or convert it to a pandas DataFrame first."
        ) from error


def _type_name(data: object) -> str:
    kind = type(data)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library in ("builtins", "__main__") else f"{library} {kind.__name__}"


def _no_frame(data: object, name: str) -> BayesmixError:
    if isinstance(data, str | os.PathLike):
        convert = f"Read the file first: {name} = pd.{_reader(data)}({shown(str(data))})."
    elif hasattr(data, "to_pandas"):
        convert = f"Pass {name}.to_pandas()."
    else:
        convert = f"Make one with pd.DataFrame({name})."
    return BayesmixError(
        f"{name} must be a data frame ({_KNOWN}); got {type(data).__name__}. {convert}"
    )


def _reader(path: str | os.PathLike[str]) -> str:
    """Name the function of pandas that reads a file with such a name."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    return _READERS.get(suffix, "read_csv")
