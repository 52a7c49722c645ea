// Package scenes draws the pictures that Krypton's built-in networks are
// trained and tested on: one labelled object anywhere in a picture with a
// procedural background, clutter and distractors that belong to no class.
//
// Everything is drawn from numbers; the same seed always gives the same
// picture. Lengths and positions are in scene units, of which a whole scene is
// one wide and high; the origin is the upper left corner, y points down. How
// many pixels a unit has is the canvas's choice.
package scenes
