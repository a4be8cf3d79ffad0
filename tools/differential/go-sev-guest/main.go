// SPDX-License-Identifier: Apache-2.0

// Answers for github.com/google/go-sev-guest: one JSON object a line in, one out. Nothing is fetched; AMD's roots are those that it embeds.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	spb "github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/verify"
)

type question struct {
	Report  string `json:"report"`
	Vek     string `json:"vek"`
	Kind    string `json:"kind"`
	Product string `json:"product"`
	At      string `json:"at"`
}

type answer struct {
	Good   bool   `json:"good"`
	Reason string `json:"reason"`
}

func ask(q question) (result answer) {
	defer func() {
		if r := recover(); r != nil {
			result = answer{Reason: "panic"}
		}
	}()
	fail := func(err error) answer { return answer{Reason: err.Error()} }
	report, err := base64.StdEncoding.DecodeString(q.Report)
	if err != nil {
		return fail(err)
	}
	vek, err := base64.StdEncoding.DecodeString(q.Vek)
	if err != nil {
		return fail(err)
	}
	at, err := time.Parse(time.RFC3339, q.At)
	if err != nil {
		return fail(err)
	}
	parsed, err := abi.ReportToProto(report)
	if err != nil {
		return fail(err)
	}
	product, err := kds.ParseProductLine(q.Product)
	if err != nil {
		return fail(err)
	}
	chain := &spb.CertificateChain{}
	if q.Kind == "vlek" {
		chain.VlekCert = vek
	} else {
		chain.VcekCert = vek
	}
	attestation := &spb.Attestation{Report: parsed, CertificateChain: chain, Product: product}
	options := &verify.Options{Now: at, DisableCertFetching: true, Product: product}
	if err := verify.SnpAttestation(attestation, options); err != nil {
		return fail(err)
	}
	return answer{Good: true}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := out.Encode(ask(q)); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
