"""Functions in C that the code of a network calls, by name; each is written where it is used."""

from __future__ import annotations

FUNCTIONS = {
    "dense": """/* z = (x * scale) @ weight + bias; the weights of one input are together. Sums of 128 inputs keep rounding errors small. */
static void dense(
    const REAL *x, int inputs, const REAL *scale, const REAL *weight, const REAL *bias, REAL *sums, REAL *z, int units)
{
    int i = 0, j, end;
    for (j = 0; j < units; j++) z[j] = bias ? bias[j] : 0;
    while (i < inputs) {
        end = inputs - i > 128 ? i + 128 : inputs;
        for (j = 0; j < units; j++) sums[j] = 0;
        for (; i < end; i++, weight += units) {
            const REAL value = scale ? x[i] * scale[i] : x[i];
            for (j = 0; j < units; j++) sums[j] += value * weight[j];
        }
        for (j = 0; j < units; j++) z[j] += sums[j];
    }
}""",
    "batch_normalization": """static void batch_normalization(
    REAL *z, int units, REAL epsilon, const REAL *mean, const REAL *variance, const REAL *scale, const REAL *shift)
{
    int j;
    for (j = 0; j < units; j++) z[j] = (z[j] - mean[j]) / SQRT(variance[j] + epsilon) * scale[j] + shift[j];
}""",
    "layer_normalization": """static void layer_normalization(REAL *z, int units, REAL epsilon, const REAL *scale, const REAL *shift)
{
    REAL mean = 0, variance = 0;
    int j;
    for (j = 0; j < units; j++) mean += z[j];
    mean /= (REAL)units;
    for (j = 0; j < units; j++) variance += (z[j] - mean) * (z[j] - mean);
    variance = SQRT(variance / (REAL)units + epsilon);
    for (j = 0; j < units; j++) z[j] = (z[j] - mean) / variance * scale[j] + shift[j];
}""",
    "rms_normalization": """static void rms_normalization(REAL *z, int units, REAL epsilon, const REAL *scale)
{
    REAL square = 0;
    int j;
    for (j = 0; j < units; j++) square += z[j] * z[j];
    square = SQRT(square / (REAL)units + epsilon);
    for (j = 0; j < units; j++) z[j] = z[j] / square * scale[j];
}""",
    "pbld": """static void pbld(
    REAL v, const REAL *frequency, const REAL *phase, int count, const REAL *weight, const REAL *bias, int units, REAL *out)
{
    int f, j;
    for (j = 0; j < units; j++) out[j] = bias[j];
    for (f = 0; f < count; f++, weight += units) {
        const double wave = cos(6.283185307179586 * (double)frequency[f] * (double)v + (double)phase[f]);
        for (j = 0; j < units; j++) out[j] += (REAL)wave * weight[j];
    }
}""",
    "periodic": """static void periodic(
    REAL v, const REAL *frequency, int count, const REAL *weight, const REAL *bias, int units, REAL *out)
{
    int f, j;
    for (j = 0; j < units; j++) out[j] = bias[j];
    for (f = 0; f < count; f++) {
        const double angle = 6.283185307179586 * (double)frequency[f] * (double)v;
        const REAL *of_cosine = weight + (long)count * units;
        for (j = 0; j < units; j++) out[j] += (REAL)sin(angle) * weight[j] + (REAL)cos(angle) * of_cosine[j];
        weight += units;
    }
    for (j = 0; j < units; j++)
        if (out[j] < 0) out[j] = 0;
}""",
    "piecewise_linear": """static void piecewise_linear(
    REAL v, const REAL *edges, int count, const REAL *weight, const REAL *bias, int units, REAL *out)
{
    int f, j;
    for (j = 0; j < units; j++) out[j] = bias[j];
    for (f = 0; f < count; f++, weight += units) {
        REAL share = (v - edges[f]) / (edges[f + 1] - edges[f]);
        share = share < 0 ? 0 : share > 1 ? 1 : share;
        for (j = 0; j < units; j++) out[j] += share * weight[j];
    }
}""",
    "add_softmax": """static void add_softmax(const REAL *z, int units, double *out)
{
    double most = (double)z[0], sum = 0;
    int j;
    for (j = 1; j < units; j++)
        if ((double)z[j] > most) most = (double)z[j];
    for (j = 0; j < units; j++) sum += exp((double)z[j] - most);
    for (j = 0; j < units; j++) out[j] += exp((double)z[j] - most) / sum;
}""",
    "add_continuation_ratio": """static void add_continuation_ratio(const REAL *z, int units, double *out)
{
    double above = 1;
    int j;
    for (j = 0; j < units - 1; j++) {
        out[j] += above * (1 / (1 + exp((double)z[j])));
        above *= 1 / (1 + exp(-(double)z[j]));
    }
    out[units - 1] += above;
}""",
    "add_shares": """static void add_shares(const REAL *x, int units, double *out)
{
    double sum = 0;
    int j;
    for (j = 0; j < units; j++) sum += (double)x[j];
    for (j = 0; j < units; j++) out[j] += (double)x[j] / (sum > 0 ? sum : 1);
}""",
}
