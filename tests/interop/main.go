// Reads an exported directory with Go's own sumdb packages, which know nothing of counterfoil.
//
//	go run main.go DIRECTORY VERIFIER-KEY
//
// note.Open checks the checkpoint's Ed25519 line. tlog checks every tile against the checkpoint's
// root, every entry of every bundle against its hash, an inclusion proof for each entry, and that
// the tree continues the tree of each smaller size. Tile paths are mapped from sumdb's
// tile/8/L/N to C2SP's tile/L/N, and tile/8/data/N to tile/entries/N.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type directory struct{ root string }

func (d directory) Height() int                         { return height }
func (d directory) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := os.ReadFile(d.path(tile))
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (d directory) path(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	return filepath.Join(d.root, strings.Replace(path, "tile/data/", "tile/entries/", 1))
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: go run main.go DIRECTORY VERIFIER-KEY")
	}
	dir := directory{os.Args[1]}
	tree := openCheckpoint(filepath.Join(dir.root, "checkpoint"), os.Args[2])
	hashes := tlog.TileHashReader(tree, dir)
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err)
	if root != tree.Hash {
		fail("the tiles do not give the root of the checkpoint")
	}
	checkEntries(dir, tree, hashes)
	for size := int64(1); size < tree.N; size += 1 + tree.N/500 {
		checkGrowth(size, tree, hashes)
	}
	fmt.Printf("sumdb verified %d entries, root %s\n", tree.N, tree.Hash)
}

func openCheckpoint(path, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	data, err := os.ReadFile(path)
	must(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("the checkpoint does not have three lines, or another origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	return tree
}

func checkEntries(dir directory, tree tlog.Tree, hashes tlog.HashReader) {
	for start := int64(0); start < tree.N; start += 1 << height {
		width := tree.N - start
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}
		bundle, err := os.ReadFile(dir.path(tile))
		must(err)
		reader := bytes.NewReader(bundle)
		for index := start; index < start+width; index++ {
			var length uint16
			must(binary.Read(reader, binary.BigEndian, &length))
			entry := make([]byte, length)
			_, err := reader.Read(entry)
			must(err)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
		}
		if reader.Len() != 0 {
			fail("bytes behind the last entry of a bundle")
		}
	}
}

func checkGrowth(size int64, tree tlog.Tree, hashes tlog.HashReader) {
	old, err := tlog.TreeHash(size, hashes)
	must(err)
	proof, err := tlog.ProveTree(tree.N, size, hashes)
	must(err)
	must(tlog.CheckTree(proof, tree.N, tree.Hash, size, old))
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
