"""SQLAlchemy's PickleType."""

from __future__ import annotations

import os
import tempfile

import sqlalchemy as sa
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import Session, declarative_base

from native.clients.common import Order, check, done, pickle, values

Base = declarative_base()


class Row(Base):  # type: ignore
    __tablename__ = "rows"

    id = sa.Column(sa.Integer, primary_key=True)
    payload = sa.Column(sa.PickleType(pickler=pickle))
    settings = sa.Column(MutableDict.as_mutable(sa.PickleType(pickler=pickle)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        url = "sqlite:///" + os.path.join(folder, "test.db")
        engine = sa.create_engine(url)
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(Row(id=1, payload=values(), settings={"a": 1}))
            session.add(Row(id=2, payload=None, settings={"o": Order(5)}))
            session.commit()
        engine.dispose()

        engine = sa.create_engine(url)
        with Session(engine) as session:
            first, second = session.get(Row, 1), session.get(Row, 2)
            check(first.payload)
            assert second.payload is None
            assert second.settings["o"].number == 5
            first.settings["b"] = [2]  # noticed, because the column is mutable
            second.payload = [Order(9)]
            session.commit()
            assert session.get(Row, 1).settings == {"a": 1, "b": [2]}
            raw = session.execute(sa.text("select payload from rows where id = 2")).scalar_one()
            assert pickle.loads(raw) == [Order(9)]
        engine.dispose()
    done()
