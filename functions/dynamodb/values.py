"""DynamoDB's typed values, such as `{"S": "claimed"}`."""

Values = dict[str, dict[str, object]]
"""Maps attribute names, or conditions such as `"state"=?`, to typed values."""


# Typed values are created without boto3.dynamodb.types, which would take four times as long.
def number(value: int) -> dict[str, object]:
    return {"N": str(value)}
