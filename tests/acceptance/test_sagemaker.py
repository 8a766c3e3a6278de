"""Models of machine learning through the whole service."""

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.amazon import Account, fill_sagemaker
from tests.mariadb import PASSWORD


@pytest.fixture
def account(moto_server: str) -> Account:
    """An account with some models."""
    account = Account.new(moto_server)
    fill_sagemaker(account)
    return account


def definition(account: Account, catalogue: Catalogue) -> Json:
    written = config_of({"type": "SageMaker", "awsConfig": account.config()}, catalogue)
    written["source"] |= {"type": "sagemaker", "sourceConfig": {"config": {"type": "MlModelMetadata"}}}
    return written


def test_models_arrive_and_those_that_are_gone_are_deleted(
    api: Api, name: str, catalogue: Catalogue, account: Account
) -> None:
    created = api.create(name, definition(account, catalogue))
    checked = api.post(f"/workflows/{name}/check")
    assert {step["status"] for step in checked["steps"]} == {"passed"}
    assert PASSWORD not in str(created) + str(checked)
    run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["mlmodel"] == {"written": 3}
    assert catalogue.entities("mlmodels")["shop.price"]["mlStore"]["storage"] == "s3://models/price.tar.gz"
    account.client("sagemaker").delete_model(ModelName="price")
    run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["mlmodel"]["deleted"] == 1
    assert set(catalogue.entities("mlmodels")) == {"shop.steps", "shop.churn-3"}
