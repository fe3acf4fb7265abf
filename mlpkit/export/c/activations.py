"""Activations as C: expressions of one pre-activation z, or of the halves a and b of a gated one; and functions of a whole row.

`REAL` is float or double, and `R(EXP)` the function of that type. Functions of `HELPERS` are written where they are used.
"""

from __future__ import annotations

ELEMENTWISE = {
    "linear": "z",
    "sigmoid": "sigmoid(z)",
    "tanh": "TANH(z)",
    "relu": "z > 0 ? z : 0",
    "leaky_relu": "z > 0 ? z : {negative_slope} * z",
    "prelu": "z > 0 ? z : {slope} * z",
    "relu6": "limited(z, 0, 6)",
    "relu_squared": "z > 0 ? z * z : 0",
    "elu": "z > 0 ? z : {alpha} * EXPM1(z)",
    "celu": "z > 0 ? z : {alpha} * EXPM1(z / {alpha})",
    "selu": "(REAL)1.0507009873554805 * (z > 0 ? z : (REAL)1.6732632423543772 * EXPM1(z))",
    "exponential": "EXP(z)",
    "gelu none": "gelu(z)",
    "gelu tanh": "gelu_tanh(z)",
    "silu": "z * sigmoid(z)",
    "mish": "z * TANH(softplus(z))",
    "softplus": "{beta} * z > {threshold} ? z : softplus({beta} * z) / {beta}",
    "squareplus": "(z + SQRT(z * z + {b})) / 2",
    "softsign": "z / (1 + FABS(z))",
    "lecun_tanh": "(REAL)1.7159 * TANH(2 * z / 3)",
    "log_sigmoid": "-softplus(-z)",
    "hard_sigmoid": "limited(z + 3, 0, 6) / 6",
    "hard_silu": "z * (limited(z + 3, 0, 6) / 6)",
    "hard_tanh": "limited(z, -1, 1)",
    "tanh_shrink": "z - TANH(z)",
    "soft_shrink": "z - limited(z, -{threshold}, {threshold})",
    "hard_shrink": "FABS(z) > {threshold} ? z : 0",
    "gaussian": "EXP(-z * z)",
    "sine": "SIN({omega} * z)",
}
GATED = {
    "glu": "a * sigmoid(b)",
    "swiglu": "a * (b * sigmoid(b))",
    "geglu none": "a * gelu(b)",
    "geglu tanh": "a * gelu_tanh(b)",
    "reglu": "b > 0 ? a * b : 0",
}
ROWS = ("softmax", "log_softmax", "continuation_ratio")  # functions below of a row of pre-activations, in place

HELPERS = {  # in an order in which each uses only those before it
    "sigmoid": """static REAL sigmoid(REAL z)
{
    return 1 / (1 + EXP(-z));
}""",
    "softplus": """static REAL softplus(REAL z)
{
    return (z > 0 ? z : 0) + LOG1P(EXP(-FABS(z)));
}""",
    "limited": """static REAL limited(REAL z, REAL low, REAL high)
{
    return z < low ? low : z > high ? high : z;
}""",
    "gelu": """static REAL gelu(REAL z)
{
    return z * (1 + ERF(z * (REAL)0.7071067811865476)) / 2;
}""",
    "gelu_tanh": """static REAL gelu_tanh(REAL z)
{
    return z * (1 + TANH((REAL)0.7978845608028654 * (z + (REAL)0.044715 * z * z * z))) / 2;
}""",
    "softmax": """static void softmax(REAL *z, int units)
{
    REAL most = z[0], sum = 0;
    int j;
    for (j = 1; j < units; j++)
        if (z[j] > most) most = z[j];
    for (j = 0; j < units; j++) sum += z[j] = EXP(z[j] - most);
    for (j = 0; j < units; j++) z[j] /= sum;
}""",
    "log_softmax": """static void log_softmax(REAL *z, int units)
{
    REAL most = z[0], sum = 0;
    int j;
    for (j = 1; j < units; j++)
        if (z[j] > most) most = z[j];
    for (j = 0; j < units; j++) sum += EXP(z[j] - most);
    for (j = 0; j < units; j++) z[j] -= most + LOG(sum);
}""",
    "continuation_ratio": """static void continuation_ratio(REAL *z, int units)
{
    REAL above = 1, share;
    int j;
    for (j = 0; j < units - 1; j++) {
        share = 1 / (1 + EXP(-z[j]));
        z[j] = above * (1 / (1 + EXP(z[j])));
        above *= share;
    }
    z[units - 1] = above;
}""",
}
