"""How expressions become Spark's SQL: as Ibis has it, but for what would be a wrong number without a word."""

from typing import Any

import sqlglot as sg
from ibis.backends.sql.compilers.base import NULL, SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from sqlglot import expressions as sge

from patronage.ledger.engines.reading import BLANKS


class SparkCompiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis' compiler for Spark, with the meaning that its expressions have on other engines.

    Ibis takes nan for missing on Spark, and writes the blanks that `strip` removes in escapes that Spark reads as
    letters, so that it would strip those.
    """

    __slots__ = ()

    def visit_Field(self, op: Any, *, rel: Any, name: Any) -> Any:  # noqa: N802
        """A column; Ibis would ask its Spark backend, which need not be installed, whether nan is to be missing."""
        return SQLGlotCompiler.visit_Field(self, op, rel=rel, name=name)

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:  # noqa: N802
        """A constant; the same."""
        parent = SQLGlotCompiler if dtype.is_floating() else PySparkCompiler
        return parent.visit_NonNullLiteral(self, op, value=value, dtype=dtype)

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:  # noqa: ARG002, N802
        """Whether a value is missing; nan is not."""
        return arg.is_(NULL)

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:  # noqa: ARG002, N802
        """Whether a value is there; nan is."""
        return arg.is_(sg.not_(NULL))

    def visit_Strip(self, op: Any, *, arg: Any) -> Any:  # noqa: ARG002, N802
        """Text without blanks around it, each of which is given by its code."""
        codes = [self.f.anon.char(sge.convert(ord(blank))) for blank in BLANKS]
        return self.f.anon.btrim(arg, self.f.concat(*codes))
