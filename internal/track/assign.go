package track

import "math"

// assign solves the assignment problem by the Hungarian method (Kuhn 1955,
// Munkres 1957; shortest augmenting paths, O(n^2 m)): it gives for each row the
// column that it gets, or -1, so that the sum of costs is least, where staying
// without costs limit. Pairs that cost more than limit are never made.
func assign(cost [][]float64, limit float64) []int {
	rows := len(cost)
	out := make([]int, rows)
	for i := range out {
		out[i] = -1
	}
	if rows == 0 || len(cost[0]) == 0 {
		return out
	}
	columns := len(cost[0])
	// A column of its own for each row stands for staying without.
	n := columns + rows
	at := func(i, j int) float64 {
		switch {
		case j < columns && cost[i][j] <= limit:
			return cost[i][j]
		case j == columns+i:
			return limit
		}
		return 1e9
	}
	u, v := make([]float64, rows+1), make([]float64, n+1)
	row, way := make([]int, n+1), make([]int, n+1) // row[j]: the row that has column j, from 1
	for i := 1; i <= rows; i++ {
		row[0] = i
		least := make([]float64, n+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		used := make([]bool, n+1)
		j0 := 0
		for row[j0] != 0 {
			used[j0] = true
			i0, delta, j1 := row[j0], math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if used[j] {
					continue
				}
				if c := at(i0-1, j-1) - u[i0] - v[j]; c < least[j] {
					least[j], way[j] = c, j0
				}
				if least[j] < delta {
					delta, j1 = least[j], j
				}
			}
			for j := 0; j <= n; j++ {
				if used[j] {
					u[row[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			j0 = j1
		}
		for j0 != 0 {
			row[j0] = row[way[j0]]
			j0 = way[j0]
		}
	}
	for j := 1; j <= columns; j++ {
		if i := row[j]; i > 0 && cost[i-1][j-1] <= limit {
			out[i-1] = j - 1
		}
	}
	return out
}
