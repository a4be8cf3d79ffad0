// SPDX-License-Identifier: Apache-2.0
//
// What a Go program does with files, goroutines, timers and standard input, told in lines that are the same on every host that does it right.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(3)
	}
}

func list(root string) {
	check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			fmt.Println("d", path)
			return nil
		}
		content, err := os.ReadFile(path)
		sum := uint32(5381)
		for _, b := range content {
			sum = sum*33 + uint32(b)
		}
		fmt.Println("f", path, len(content), sum)
		return err
	}))
}

func main() {
	list("/data")
	check(os.MkdirAll("/data/go/deep", 0o777))
	var group sync.WaitGroup
	for i := range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			time.Sleep(time.Duration(20-i) * time.Millisecond)
			check(os.WriteFile(fmt.Sprintf("/data/go/deep/%02d", i), []byte(fmt.Sprint(i*i)), 0o666))
		}()
	}
	group.Wait()
	check(os.Rename("/data/go/deep/03", "/data/go/three"))
	check(os.Remove("/data/go/deep/04"))
	_, err := os.Open("/data/nothing")
	fmt.Println("not there:", errors.Is(err, fs.ErrNotExist))
	check(os.Truncate("/data/go/deep/19", 1))
	list("/data")
	check(os.RemoveAll("/data/go"))
	timeout := time.After(50 * time.Millisecond)
	ticks := 0
	for done := false; !done; {
		select {
		case <-timeout:
			done = true
		case <-time.After(5 * time.Millisecond):
			ticks++
		}
	}
	fmt.Println("ticked:", ticks > 0)
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		fmt.Println("stdin", scanner.Text())
	}
	fmt.Println("arguments", os.Args[1:], "environment", os.Getenv("GREETING"))
}
